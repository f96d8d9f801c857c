/** Descriptors that came with the program are not for programs that it starts. */
import { bind } from './symbols.js';

const F_SETFD = 2;
const FD_CLOEXEC = 1;

export function closeOnExec(fd: number): void {
  bind('int fcntl(int fd, int command, int argument)')(fd, F_SETFD, FD_CLOEXEC);
}
