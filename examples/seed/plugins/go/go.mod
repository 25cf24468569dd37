module github.com/tapis-project/event-engine/examples/seed/plugins/go

go 1.23

require github.com/tapis-project/event-engine/sdks/go v0.0.0

replace github.com/tapis-project/event-engine/sdks/go => ../../../../sdks/go
