/**
 * An honest member's talk: answers datagrams on port 4747, and sends one to each of the others so often a second, by unicast,
 * with a secret in it: `talk.mjs OWN_IP SECRET PER_SECOND IP…`. Prints at its end (SIGTERM) how many it sent and how many answers
 * came, by peer.
 */
import { createSocket } from 'node:dgram';

const port = 4747;
const [own, secret, perSecond, ...others] = process.argv.slice(2);
const socket = createSocket('udp4');
const sent = Object.fromEntries(others.map((ip) => [ip, 0]));
const answered = Object.fromEntries(others.map((ip) => [ip, 0]));
socket.on('error', () => undefined);
socket.on('message', (message, from) => {
  const text = message.toString('latin1');
  if (text.startsWith(`${secret} ${from.address}>${own};`)) {
    socket.send(`${secret} ${own}>${from.address}! ${text.slice(text.indexOf('#'))};`, port, from.address);
  } else if (text.startsWith(`${secret} ${from.address}>${own}!`) && from.address in answered) {
    answered[from.address]++;
  }
});
socket.bind(port, own, () => {
  console.log('talking');
  let n = 0;
  setInterval(
    () => {
      n++;
      for (const ip of others) {
        sent[ip]++;
        socket.send(`${secret} ${own}>${ip};#${n}`, port, ip);
      }
    },
    1_000 / Number(perSecond),
  );
});
process.on('SIGTERM', () => {
  console.log(JSON.stringify({ sent, answered }));
  process.exit(0);
});
