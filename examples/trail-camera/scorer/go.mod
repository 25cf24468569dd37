module github.com/tapis-project/event-engine/examples/trail-camera/scorer

go 1.23

require (
	github.com/tapis-project/event-engine/sdks/go v0.0.0
	google.golang.org/protobuf v1.36.12
)

replace github.com/tapis-project/event-engine/sdks/go => ../../../sdks/go
