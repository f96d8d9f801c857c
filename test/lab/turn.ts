/** A TURN server (coturn) in the lab, and sites whose UDP reaches nothing else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, LabProcess, shell } from '../../src/lab/exec.js';
import type { TestNet, TestNode } from './support.js';

export const hasTurn = (): boolean => findProgram('turnserver') !== undefined;

export const turn = { user: 'evio', password: 'p4ss@w:rd', port: 3478 };

export interface Turn {
  readonly address: string;
  /** What --ice-server takes. */
  readonly url: string;
  readonly server: LabProcess;
}

/** A public machine with coturn on it. */
export async function startTurn(net: TestNet): Promise<Turn> {
  const site = await net.rig.lab.site('turn', { nat: 'public' });
  const config = join(net.rig.folder, 'turnserver.conf');
  const address = site.host.v4 as string;
  writeFileSync(
    config,
    [
      `listening-ip=${address}`,
      `relay-ip=${address}`,
      `listening-port=${turn.port}`,
      'lt-cred-mech',
      `user=${turn.user}:${turn.password}`,
      'realm=lab.example',
      'fingerprint',
      'no-tls',
      'no-dtls',
      'no-cli',
      'log-file=stdout',
      'simple-log',
      `pidfile=${join(net.rig.folder, 'turnserver.pid')}`,
      `userdb=${join(net.rig.folder, 'turndb')}`,
    ].join('\n') + '\n',
  );
  const server = new LabProcess(['turnserver', '-c', config], { ns: site.host.ns });
  await server.line(/Total General servers/, 5_000);
  return {
    address,
    url: `turn:${turn.user}:${encodeURIComponent(turn.password)}@${address}:${turn.port}`,
    server,
  };
}

/** The site's router forwards UDP to and from this address only. */
export async function onlyUdpTo(node: TestNode, address: string): Promise<void> {
  await shell(
    node.site.routers[0],
    `nft -f - <<'EOF'
table inet strict {
  chain forward {
    type filter hook forward priority -20;
    meta l4proto udp ip daddr != ${address} ip saddr != ${address} drop
  }
}
EOF
`,
  );
}
