/** What the image says of itself and has beside the program and Debian's libraries. Pure: facts in, files and settings out. */

/** Who runs the relay, and owns its folder (deploy/compose/relay.yaml). */
export const relayUser = 65532;
const relayHome = 'var/lib/evio-relay';

/** By whom and how it is run unless an operator says otherwise; `process.config` of the specification. */
export const runs = {
  Entrypoint: ['/usr/bin/evio'],
  Cmd: ['--help'],
  Env: ['PATH=/usr/sbin:/usr/bin', 'EVIO_HOME=/var/lib/evio'],
  WorkingDir: '/',
  StopSignal: 'SIGTERM',
};

export const labelsOf = ({ version, description, license }) => ({
  'org.opencontainers.image.title': 'evio',
  'org.opencontainers.image.description': description,
  'org.opencontainers.image.version': version,
  'org.opencontainers.image.licenses': license,
});

/** Folders and files that programs expect of a machine. */
export const machineFiles = {
  'etc/passwd': {
    content: `root:x:0:0:root:/root:/usr/sbin/nologin\nevio:x:${relayUser}:${relayUser}:evio:/${relayHome}:/usr/sbin/nologin\n`,
  },
  'etc/group': { content: `root:x:0:\nevio:x:${relayUser}:\n` },
  'etc/nsswitch.conf': { content: 'passwd: files\ngroup: files\nhosts: files dns\n' },
  root: { folder: true, mode: 0o700 },
  run: { folder: true },
  tmp: { folder: true, mode: 0o1777 },
  proc: { folder: true },
  sys: { folder: true },
  dev: { folder: true },
  'var/cache': { folder: true },
  'var/lib/evio': { folder: true, mode: 0o700 },
  [relayHome]: { folder: true, mode: 0o700, owner: relayUser },
};
