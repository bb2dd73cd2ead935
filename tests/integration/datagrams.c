/*
 * datagrams SOCKET: listens there as a syslog daemon does and writes each datagram as a line to
 * standard output. Stopped (SIGSTOP), it is one that hangs.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char datagram[65536];
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	strcpy(address.sun_path, argv[1]);
	unlink(argv[1]);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		perror(argv[1]);
		return 1;
	}
	for (;;) {
		ssize_t len = recv(fd, datagram, sizeof(datagram), 0);
		if (len < 0)
			return 1;
		fwrite(datagram, 1, (size_t)len, stdout);
		putchar('\n');
		fflush(stdout);
	}
}
