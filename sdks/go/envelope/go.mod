module github.com/tapis-project/event-engine/sdks/go/envelope

go 1.23

require google.golang.org/protobuf v1.36.12
