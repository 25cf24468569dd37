# Which languages are asked for: LANGS=rust,python or all. To be sourced.
LANGUAGES=${LANGS:-rust,python,go,c}
LANGUAGES=${LANGUAGES//,/ }
for language in $LANGUAGES; do
  case $language in
    rust | python | go | c) ;;
    *)
      echo "LANGS: $language is not one of rust, python, go, c" >&2
      exit 2
      ;;
  esac
done

# Whether a language is asked for.
wanted() { [[ " $LANGUAGES " == *" $1 "* ]]; }
