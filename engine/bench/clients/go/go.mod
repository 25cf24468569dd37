module event-engine-bench-client

go 1.23

require github.com/tapis-project/event-engine/sdks/go v0.0.0

replace github.com/tapis-project/event-engine/sdks/go => ../../../../sdks/go
