/* Where the engine is: `tcp://host:port`, and the addresses that a host has. */
#ifndef EE_ENDPOINT_H
#define EE_ENDPOINT_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define EE_HOST_MAX 253
#define EE_ADDRESSES_MAX 8
#define EE_ADDRESS_TEXT_SIZE (NI_MAXHOST + 16)

typedef struct ee_endpoint {
  char host[EE_HOST_MAX + 1]; /* without the brackets of an IPv6 address */
  char port[6];
} ee_endpoint;

/* Reads an endpoint; false if it is none. */
bool ee_endpoint_read(ee_endpoint *endpoint, const char *text);

typedef struct ee_address {
  struct sockaddr_storage socket_address;
  socklen_t size;
} ee_address;

typedef struct ee_addresses {
  size_t count;
  ee_address list[EE_ADDRESSES_MAX];
} ee_addresses;

/* Writes an address as libzmq takes it: `tcp://1.2.3.4:5` or `tcp://[::1]:5`. */
void ee_address_text(const ee_address *address, char *text, size_t capacity);

/* A name being resolved in a thread of its own, since getaddrinfo cannot be interrupted. */
typedef struct ee_lookup ee_lookup;

/* Begins to resolve. NULL: no memory or thread for it. */
ee_lookup *ee_lookup_begin(const ee_endpoint *endpoint);

/* A file descriptor that is readable once the result is there. */
int ee_lookup_descriptor(const ee_lookup *lookup);

/* Gives the result, which must be there: 0, or an error number of getaddrinfo. */
int ee_lookup_result(ee_lookup *lookup, ee_addresses *addresses);

/* Ends it, whether the result is there or not. NULL is fine. */
void ee_lookup_end(ee_lookup *lookup);

#endif
