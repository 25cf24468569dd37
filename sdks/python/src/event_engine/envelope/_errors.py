"""Why an event could not be sealed or opened."""

from __future__ import annotations


class EnvelopeError(ValueError):
    """An event could not be sealed or opened; the subclass says why."""


class FilterMismatch(EnvelopeError):
    """The event does not begin with the filter.

    It is of another kind, or was sealed with another filter.
    """


class Malformed(EnvelopeError):
    """What follows the filter is no envelope.

    Or, on sealing, an attribute has a value that no envelope can carry.
    """


class Missing(EnvelopeError):
    """A mandatory attribute is absent or empty.

    `attribute` is its name: ``id``, ``source`` or ``type``.
    """

    attribute: str

    def __init__(self, attribute: str) -> None:
        super().__init__(f"the envelope lacks its {attribute}; id, source and type are mandatory")
        self.attribute = attribute

    def __reduce__(self) -> tuple[type[Missing], tuple[str]]:
        return (Missing, (self.attribute,))
