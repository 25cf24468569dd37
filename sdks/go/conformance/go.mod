module github.com/tapis-project/event-engine/sdks/go/conformance

go 1.23

require (
	github.com/tapis-project/event-engine/sdks/go v0.0.0
	github.com/tapis-project/event-engine/sdks/go/envelope v0.0.0
)

require google.golang.org/protobuf v1.36.12 // indirect

replace (
	github.com/tapis-project/event-engine/sdks/go => ../
	github.com/tapis-project/event-engine/sdks/go/envelope => ../envelope
)
