/**
 * A member without an interface: its process has no capability and no /dev/net/tun, as in a job of CI. Programs beside it reach
 * the network by SOCKS5, HTTP and forwarded ports, and members reach what it exposes.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabProcess, run } from '../../src/lab/exec.js';
import { TestNet, type TestNode } from './support.js';

/** Answers every request with who it is; a path of digits with so many bytes. */
const server = `
const http = require('node:http');
const [, name, host, port] = process.argv;
http.createServer((request, response) => {
  const bytes = Number(request.url.slice(1));
  if (request.method === 'POST') {
    let n = 0;
    request.on('data', (chunk) => (n += chunk.length));
    request.on('end', () => response.end(String(n)));
  } else if (bytes > 0) {
    response.setHeader('content-length', bytes);
    const part = Buffer.alloc(1 << 20);
    let left = bytes;
    const more = () => {
      while (left > 0) {
        const now = left < part.length ? part.subarray(0, left) : part;
        left -= now.length;
        if (!response.write(now)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  } else response.end('here is ' + name);
}).listen(Number(port), host, () => console.log('listening'));
`;

describe('a member without interface and privilege', () => {
  let net: TestNet;
  let maker: TestNode;
  let guest: TestNode;
  const servers: LabProcess[] = [];

  async function serve(at: TestNode, host: string, port: number): Promise<void> {
    const running = new LabProcess([process.execPath, '-e', server, at.node.name, host, String(port)], {
      ns: at.ns,
    });
    servers.push(running);
    await running.line(/listening/, 10_000);
  }

  const curl = (at: TestNode, args: readonly string[]): Promise<string> =>
    run(['curl', '-sS', '-m', '60', ...args], { ns: at.ns, timeoutMs: 70_000 }).then(({ stdout }) => stdout);

  const socks = ['--socks5-hostname', '127.0.0.1:1080'];
  const http = ['-x', 'http://127.0.0.1:1080'];

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    [maker] = net.nodes as [TestNode];
    await serve(maker, '0.0.0.0', 80);
    guest = await net.place({ nat: 'endpoint-independent' }, 'guest');
    const empty = join(net.rig.folder, 'empty');
    mkdirSync(empty);
    const wrapper = join(net.rig.folder, 'confined.sh');
    writeFileSync(
      wrapper,
      `#!/bin/sh
exec unshare -m sh -c 'mount --bind "$0" /dev/net && exec setpriv --inh-caps=-all --bounding-set=-all --no-new-privs "$@"' \\
  '${empty}' '${process.execPath}' '${guest.node.program}' "$@"
`,
      { mode: 0o755 },
    );
    guest.node.program = wrapper;
    net.join(guest, ['--userspace', '--forward', '8888=n0:80', '--expose', '8080=127.0.0.1:9090']);
    await guest.node.up();
    await serve(guest, '127.0.0.1', 9090);
  }, 120_000);
  afterAll(async () => {
    for (const running of servers) await running.stop(500);
    await net?.destroy();
  });

  it('has neither an interface nor a capability', async () => {
    const { stdout } = await run(['ip', '-br', 'link'], { ns: guest.ns });
    expect(stdout).not.toMatch(/evio|userspace/);
    const { process: facts } = await guest.node.json<{ process: { capabilities: string[] } }>(['status']);
    expect(facts.capabilities).toEqual([]);
  });

  it('reaches a server of a member by SOCKS5, HTTP, CONNECT and a forwarded port', async () => {
    expect(await curl(guest, [...socks, 'http://n0/'])).toBe('here is n0');
    expect(await curl(guest, [...socks, `http://${maker.node.ip}/`])).toBe('here is n0');
    expect(await curl(guest, ['--socks5', '127.0.0.1:1080', `http://${maker.node.ip}/`])).toBe('here is n0');
    expect(await curl(guest, [...http, 'http://n0.lab.evio/'])).toBe('here is n0');
    expect(await curl(guest, [...http, '-p', 'http://n0.lab/'])).toBe('here is n0');
    expect(await curl(guest, ['http://127.0.0.1:8888/'])).toBe('here is n0');
  });

  it('reaches a member by its IPv6 address', async () => {
    const { node } = await maker.node.json<{ node: { ip6: string } }>(['status']);
    const { stdout } = await run(['ip', '-6', 'address', 'show', 'dev', 'evio0'], { ns: maker.ns });
    expect(stdout).toContain(node.ip6);
    await serve(maker, node.ip6, 81);
    expect(await curl(guest, [...socks, `http://[${node.ip6}]:81/`])).toBe('here is n0');
  });

  it('answers pings, and members reach what it exposes and nothing else', async () => {
    const { stdout } = await run(['ping', '-c', '3', '-i', '0.2', '-W', '2', guest.node.ip], {
      ns: maker.ns,
      allowFailure: true,
    });
    expect(stdout).toMatch(/[1-3] received/);
    expect(await curl(maker, [`http://${guest.node.ip}:8080/`])).toBe('here is guest');
    await expect(curl(maker, ['-m', '5', `http://${guest.node.ip}:9090/`])).rejects.toThrow(
      /refused|connect/i,
    );
    await expect(curl(maker, ['-m', '5', `http://${guest.node.ip}:1080/`])).rejects.toThrow(
      /refused|connect/i,
    );
  });

  it('leads nowhere but to members, and says why', async () => {
    expect(await curl(guest, [...http, 'http://192.0.2.1/'])).toContain('members of the network only');
    expect(await curl(guest, [...http, 'http://example.com/'])).toContain('members of the network only');
    expect(await curl(guest, [...http, 'http://127.0.0.1:9090/'])).toContain('members of the network only');
    expect(await curl(guest, [...http, 'http://nobody/'])).toContain('no member has this name');
    expect(await curl(guest, [...http, 'http://n0:4/'])).toContain('refused');
    await expect(curl(guest, [...socks, 'http://192.0.2.1/'])).rejects.toThrow();
  });

  it('carries 200 connections at once, and large transfers both ways', async () => {
    const urls = Array.from({ length: 200 }, () => 'http://n0/20000');
    const { stdout } = await run(
      [
        'curl',
        '-sS',
        '-m',
        '60',
        '-Z',
        '--parallel-immediate',
        '--parallel-max',
        '200',
        ...socks,
        '-w',
        '%{size_download}\\n',
        ...urls.flatMap((url) => ['-o', '/dev/null', url]),
      ],
      { ns: guest.ns, timeoutMs: 90_000 },
    );
    expect(stdout.trim().split('\n')).toEqual(urls.map(() => '20000'));
    const size = 100_000_000;
    const down = await curl(guest, [
      ...socks,
      '-o',
      '/dev/null',
      '-w',
      '%{size_download} %{speed_download}',
      `http://n0/${size}`,
    ]);
    const up = await curl(maker, [
      '-o',
      '/dev/null',
      '-w',
      '%{size_download} %{speed_download}',
      `http://${guest.node.ip}:8080/${size}`,
    ]);
    console.log(
      `userspace: ${[down, up].map((text) => `${Math.round((Number(text.split(' ')[1]) * 8) / 1e6)} Mbit/s`).join(' in by SOCKS5, ')} out`,
    );
    for (const text of [down, up]) expect(Number(text.split(' ')[0])).toBe(size);
  }, 180_000);

  it('goes on after its ports were taken away and given back', async () => {
    // The port of the proxy belongs to another program while the node starts again.
    await guest.node.stop();
    const holder = new LabProcess(
      [
        process.execPath,
        '-e',
        `require('node:net').createServer().listen(1080, '127.0.0.1', () => console.log('listening'))`,
      ],
      { ns: guest.ns },
    );
    await holder.line(/listening/, 10_000);
    guest.node.launch(['node', '--userspace']);
    await guest.node.up();
    await holder.stop(500);
    await expect
      .poll(() => curl(guest, [...socks, 'http://n0/']).catch(() => ''), { timeout: 20_000, interval: 500 })
      .toBe('here is n0');
  });
});
