/**
 * A thread as supervised-thread.ts wants it, in plain JavaScript: sleeps in poll() on its eventfd, answers what it is
 * told, crashes and goes deaf when asked.
 */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import koffi from 'koffi';

const { port, control: buffer, wakeFd, greeting } = workerData;
const control = new Int32Array(buffer);
const c = koffi.load(null);
const poll = c.func('int poll(void *fds, unsigned long count, int timeout)');
const read = c.func('long read(int fd, void *buffer, unsigned long count)');
const pollfd = Buffer.alloc(8);
pollfd.writeInt32LE(wakeFd, 0);
pollfd.writeInt16LE(1, 4);
const drain = Buffer.alloc(8);

port.postMessage(greeting);
while (Atomics.load(control, 0) === 0) {
  if (Atomics.exchange(control, 1, 0) === 1) {
    for (;;) {
      const received = receiveMessageOnPort(port);
      if (received === undefined) break;
      if (received.message === 'crash') throw new Error('asked to crash');
      port.postMessage(`heard ${received.message}`);
      if (received.message === 'deaf') for (;;) Atomics.wait(control, 2, 0, 1_000);
    }
  }
  poll(pollfd, 1, 60_000);
  read(wakeFd, drain, 8);
}
port.close();
