/* Sends small UDP datagrams to an address without end, some thousands in a second; what the way does not take is lost. Argument: the address. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **arguments) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
  char datagram[64] = "flood";
  if (count < 2 || !inet_aton(arguments[1], &to.sin_addr)) return 2;
  int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (udp < 0) return 1;
  for (;; usleep(200)) sendto(udp, datagram, sizeof datagram, 0, (struct sockaddr *)&to, sizeof to);
}
