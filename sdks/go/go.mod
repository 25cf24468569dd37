module github.com/tapis-project/event-engine/sdks/go

go 1.23
