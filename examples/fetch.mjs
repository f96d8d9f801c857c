// @ts-check
// A member inside this program asks another member's web server: node fetch.mjs TOKEN MEMBER [PORT]
import { request } from 'node:http';
import { join, openNetwork } from 'evio';

const [, , token, member = '', port = '80'] = process.argv;
if (token && token !== '-') await join({ token, name: 'fetcher' });
const network = await openNetwork();
try {
  // One that just came is told of within moments.
  for (let i = 0; i < 100 && !network.peers().some(({ name }) => name === member); i++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  const socket = await network.connect(member, Number(port));
  const text = await new Promise((resolve, reject) => {
    const asked = request({ host: member, createConnection: () => socket }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (/** @type {string} */ part) => (body += part));
      response.on('end', () => resolve(body));
    });
    asked.on('error', reject).end();
  });
  console.log(text);
} finally {
  await network.close();
}
