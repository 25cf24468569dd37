// The header and the installed library, used from C++17.
#include <event_engine.h>

#include <cstdio>
#include <cstring>

int main() {
  ee_options options = EE_OPTIONS_INIT;
  options.profile = EE_PROFILE_SESSION;
  options.timeout_ms = 1;
  ee_client *client = nullptr;
  const ee_status status = ee_connect("tcp://127.0.0.1:1", &options, &client);
  std::printf("%s %s\n", ee_version(), ee_status_name(status));
  ee_event *event = nullptr;
  const bool closed = ee_next_event(client, 0, &event) == EE_CLOSED;
  ee_close(client);
  return status == EE_TIMEOUT && closed && std::strcmp(ee_version(), EE_VERSION) == 0 ? 0 : 1;
}
