# mypy: disable-error-code="type-arg"
# Generated from trail_camera.proto by proto.sh; do not edit.
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Detected(_message.Message):
    __slots__ = ("id", "at_ns", "animals")
    ID_FIELD_NUMBER: _ClassVar[int]
    AT_NS_FIELD_NUMBER: _ClassVar[int]
    ANIMALS_FIELD_NUMBER: _ClassVar[int]
    id: int
    at_ns: int
    animals: _containers.RepeatedCompositeFieldContainer[Animal]
    def __init__(self, id: _Optional[int] = ..., at_ns: _Optional[int] = ..., animals: _Optional[_Iterable[_Union[Animal, _Mapping]]] = ...) -> None: ...

class Animal(_message.Message):
    __slots__ = ("x", "y", "width", "height", "area", "brightness")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    AREA_FIELD_NUMBER: _ClassVar[int]
    BRIGHTNESS_FIELD_NUMBER: _ClassVar[int]
    x: int
    y: int
    width: int
    height: int
    area: int
    brightness: int
    def __init__(self, x: _Optional[int] = ..., y: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., area: _Optional[int] = ..., brightness: _Optional[int] = ...) -> None: ...

class Scored(_message.Message):
    __slots__ = ("id", "at_ns", "score", "animal_scores", "again")
    ID_FIELD_NUMBER: _ClassVar[int]
    AT_NS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    ANIMAL_SCORES_FIELD_NUMBER: _ClassVar[int]
    AGAIN_FIELD_NUMBER: _ClassVar[int]
    id: int
    at_ns: int
    score: int
    animal_scores: _containers.RepeatedScalarFieldContainer[int]
    again: bool
    def __init__(self, id: _Optional[int] = ..., at_ns: _Optional[int] = ..., score: _Optional[int] = ..., animal_scores: _Optional[_Iterable[int]] = ..., again: bool = ...) -> None: ...
