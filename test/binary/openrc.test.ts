/**
 * Services under a real OpenRC: Debian's packages of it, over this machine's own root, in namespaces. What OpenRC's first
 * script makes at boot is made here: folders of its state, and a runlevel.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasBinary, program } from './support.js';

/** "$0" is what runs in the machine, "$1" OpenRC's files, "$2" an empty folder, "$3" the program. */
const boot = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
cp -a "$1/etc/." etc/
for each in lib sbin bin; do cp -a "$1/$each/." usr/$each/; done
cp "$3" usr/bin/evio
rm -rf var/lib/evio var/log/evio.log
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
for each in exclusive starting started stopping inactive wasinactive failed hotplugged daemons options scheduled tmp
do mkdir -p run/openrc/$each; done
echo default > run/openrc/softlevel
ip link set lo up
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot . sh -c "$0"`;

/** What an operator does, and asks; each answer under a heading. */
const story = `say() { echo "== $1"; }
until_active() { for i in $(seq 100); do evio service status $1 > /dev/null && return; sleep 0.1; done; }
say empty; evio service install; evio service status
say relay; evio service install --relay --listen 127.0.0.1:3478 --public 127.0.0.1:3478
until_active --relay
for i in $(seq 100); do url=$(grep -o 'evio://[^ ]*' /var/log/evio-relay.log | head -1); [ -z "$url" ] || break; sleep 0.1; done
pid=$(cat /run/openrc/options/evio-relay/child_pid)
say user; ps -o user:20= -p $pid
evio init home --relay "$url" > /dev/null
say node; evio service install
until_active
for i in $(seq 100); do ip -brief address show evio0 2> /dev/null | grep 10.144 && break; sleep 0.1; done
say again; kill -9 $(cat /run/openrc/options/evio/child_pid)
sleep 1
for i in $(seq 100); do evio status > /dev/null 2>&1 && break; sleep 0.1; done
evio status
say damaged; sed -i s/respawn_max=10/respawn_max=2/ /etc/init.d/evio; rc-service evio stop
cd /var/lib/evio/networks/*; cp profile.json /root/kept; echo '{' > profile.json; rc-service evio start
for i in $(seq 150); do [ -e /run/evio.pid ] || break; sleep 0.1; done
[ -e /run/evio.pid ] && echo for ever || echo rests
grep -c 'is damaged' /var/log/evio.log; evio service status
mv /root/kept profile.json; rc-service evio start; until_active && echo back
say removed; evio service uninstall; evio service uninstall --relay
ls /etc/init.d | grep evio || echo none
evio service status
ps -eo comm= | grep -x evio || echo nobody`;

describe.runIf(hasBinary())('services under OpenRC', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-openrc-'));
  const answers = new Map<string, string>();
  let missing = '';
  beforeAll(() => {
    for (const name of ['debs', 'files', 'machine']) mkdirSync(join(folder, name));
    try {
      const packages = ['openrc', 'librc1', 'libeinfo1', 'insserv'];
      execFileSync('apt-get', ['download', ...packages], { cwd: join(folder, 'debs'), stdio: 'pipe' });
    } catch {
      missing = 'OpenRC cannot be had from Debian here';
      return;
    }
    for (const deb of readdirSync(join(folder, 'debs')))
      execFileSync('dpkg-deb', ['--extract', join(folder, 'debs', deb), join(folder, 'files')]);
    const namespaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--fork', '--kill-child'];
    const words = ['sh', '-c', boot, story, join(folder, 'files'), join(folder, 'machine'), program];
    const { stdout, stderr } = spawnSync('unshare', [...namespaces, ...words], {
      encoding: 'utf8',
      timeout: 170_000,
    });
    for (const [, name, text] of stdout.matchAll(/^== (\w+)\n((?:(?!== ).*\n?)*)/gm))
      answers.set(name as string, text as string);
    if (!answers.has('removed')) throw new Error(stdout + stderr);
  }, 200_000);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it.for<[string, string, RegExp]>([
    ['wait for the first network', 'empty', /evio: inactive, begins at boot\n\/etc\/init.d\/evio\n/],
    ['run the relay', 'relay', /^evio-relay: active.*, begins at boot$/m],
    ['run it as a user of its own', 'user', /^evio-relay$/m],
    ['run the node, with its interface', 'node', /^evio0 .*10\.144\./m],
    ['start it again when it was killed', 'again', /^Network +home /m],
    [
      'rest where each start would end as the one before',
      'damaged',
      /^rests\n3\nevio: (failed|inactive)[^]*^back$/m,
    ],
    ['leave nothing when they are uninstalled', 'removed', /^none\nevio: not installed\nnobody$/m],
  ])('%s', ([, name, expected], { skip }) => {
    if (missing !== '') skip(missing);
    expect(answers.get(name)).toMatch(expected);
  });
});
