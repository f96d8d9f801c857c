/** A site out of which only an HTTP proxy leads (tinyproxy, with user and password, CONNECT to port 443 only). */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { findProgram, LabProcess, shell } from '../../src/lab/exec.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

const port = 3128;
const secret = 'pr0xyw0rd';

let net: TestNet | undefined;
let proxy: LabProcess | undefined;
afterEach(async () => {
  await proxy?.stop(1_000);
  await net?.destroy();
  net = undefined;
});

/** A public machine with the proxy on it; its address. */
async function startProxy(net: TestNet): Promise<string> {
  const { host } = await net.rig.lab.site('proxy', { nat: 'public' });
  const config = join(net.rig.folder, 'tinyproxy.conf');
  writeFileSync(
    config,
    [`Port ${port}`, `Listen ${host.v4}`, 'Timeout 600', `BasicAuth evio ${secret}`, 'ConnectPort 443'].join(
      '\n',
    ) + '\n',
  );
  proxy = new LabProcess(['tinyproxy', '-d', '-c', config], { ns: host.ns });
  await proxy.line(/Accepting connections|Starting main loop/, 5_000);
  return host.v4 as string;
}

describe.runIf(findProgram('tinyproxy') !== undefined)('an HTTP proxy', () => {
  it('is the only way out: it is joined and talked through, and its password is shown nowhere', async () => {
    net = await TestNet.create({ nat: 'public' });
    const a = net.nodes[0] as TestNode;
    const address = await startProxy(net);
    const b = await net.place({ nat: 'endpoint-independent' });
    await shell(
      b.site.routers[0],
      `nft -f - <<'EOF'
table inet strict {
  chain forward {
    type filter hook forward priority -20; policy drop;
    ip daddr ${address} tcp dport ${port} accept
    ip saddr ${address} tcp sport ${port} accept
  }
}
EOF
`,
    );
    net.join(b, ['--relay-proxy', `http://evio:${secret}@${address}:${port}`]);
    await b.node.up();
    await reaches(b, a, 15_000);
    await untilPath(b, a, 'relay-ws', 5_000);
    const process = b.node.process as LabProcess;
    const shown = (await b.node.cli(['set', '--any-path', '--json'])).stdout;
    expect(JSON.parse(shown)).toMatchObject({ paths: { proxy: `http://${address}:${port}` } });
    const said = [
      shown,
      ...process.stderr,
      ...process.stdout,
      readFileSync(`/proc/${process.pid}/cmdline`, 'utf8'),
    ];
    expect(said.join('\n')).not.toContain(secret);
    await reaches(b, a, 15_000);
  });
});
