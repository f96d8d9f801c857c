/** Which descriptors a program that is started has: those that came with this one are not for it. */
import { bind } from './symbols.js';

const F_SETFD = 2;
const FD_CLOEXEC = 1;

function setFlags(fd: number, flags: number): void {
  bind('int fcntl(int fd, int command, int argument)')(fd, F_SETFD, flags);
}

export function closeOnExec(fd: number): void {
  setFlags(fd, FD_CLOEXEC);
}

/** Node marks whatever it was started with as to be closed, too. */
export function keepOnExec(fd: number): void {
  setFlags(fd, 0);
}

/** Standard input and outputs stay: Node marks those that it was started with as to be closed, too. */
export function keepStandardOnExec(): void {
  for (const fd of [0, 1, 2]) keepOnExec(fd);
}
