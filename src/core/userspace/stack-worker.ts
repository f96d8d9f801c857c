/** The thread of a stack: frames of the cable, doors of the machine. It may take a processor for itself; the node goes on. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Destination } from './destination.js';
import { driveStack } from './driven-stack.js';
import { FramePort } from './frame-port.js';
import type { StackCommand, StackEvent, StackSetup } from './messages.js';
import { Proxy } from './proxy.js';

const setup = workerData as StackSetup;
const tell = (event: StackEvent): void => parentPort?.postMessage(event);

const port = new FramePort(
  setup.cable,
  (frame) => {
    stack.input(frame);
  },
  () => {
    process.exit();
  },
);
const { stack } = driveStack(setup, (frame) => {
  port.send(frame);
});

let asked = 0;
const waiting = new Map<number, (destination: Destination) => void>();
const proxy = new Proxy(setup.options, {
  stack,
  resolve: (host) =>
    new Promise((settle) => {
      waiting.set(++asked, settle);
      tell({ kind: 'resolve', id: asked, host });
    }),
  log: (level, message, fields) => {
    tell({ kind: 'log', level, message, fields });
  },
});

parentPort?.on('message', (command: StackCommand) => {
  if (command.kind === 'stop') {
    proxy.close();
    port.close();
    process.exit();
  }
  waiting.get(command.id)?.(command.destination);
  waiting.delete(command.id);
});
