/**
 * One TCP connection that shall live long, as ssh's does: `long-talk.mjs serve PORT`, or `long-talk.mjs call IP PORT EVERY_MS`. The
 * caller sends a numbered line so often, and the server sends each back. Whatever is lost, comes twice or out of order, and the end of
 * the connection, is told and ends the program. At SIGTERM the caller tells in one line of JSON what it has seen.
 */
import { connect, createServer } from 'node:net';

const [what, ...args] = process.argv.slice(2);

/** @param {import('node:net').Socket} socket @param {(line: string) => void} each */
function lines(socket, each) {
  let rest = '';
  socket.setNoDelay(true);
  socket.on('data', (bytes) => {
    const parts = (rest + bytes.toString('latin1')).split('\n');
    rest = parts.pop() ?? '';
    parts.forEach(each);
  });
}

if (what === 'serve') {
  createServer((socket) => {
    socket.on('error', () => undefined);
    lines(socket, (line) => socket.write(`${line}\n`));
  }).listen(Number(args[0]), () => console.log('serving'));
} else {
  const [host, port, everyMs] = args;
  const sentAt = new Map();
  let [next, expected, longestMs] = [0, 0, 0];
  const end = (why) => {
    console.log(JSON.stringify({ why, sent: next, answered: expected, longestMs: Math.round(longestMs) }));
    process.exit(why === 'done' ? 0 : 1);
  };
  const socket = connect(Number(port), host, () => {
    console.log('connected');
    setInterval(() => {
      sentAt.set(next, performance.now());
      socket.write(`${next++} ${'.'.repeat(60)}\n`);
    }, Number(everyMs));
  });
  lines(socket, (line) => {
    if (Number.parseInt(line, 10) !== expected) end(`${line} came, not ${expected}`);
    longestMs = Math.max(longestMs, performance.now() - sentAt.get(expected));
    sentAt.delete(expected++);
  });
  socket.on('error', (error) => end(error.message));
  socket.on('close', () => end('closed'));
  process.on('SIGTERM', () => end('done'));
}
