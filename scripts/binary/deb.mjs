/**
 * Makes build/evio_VERSION_ARCH.deb of build/evio-linux-ARCH: program, addons, libatomic, manual pages, completions, units.
 * `node deb.mjs [--out=FOLDER] [--revision=N] [--level=1..9] [ARCH...]`. Needs dpkg-deb; equal to the last byte when made again.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { relayDefaults, services, unitName, unitText } from '../../dist/service/units.js';
import { debianFiles } from '../oci/debian.mjs';
import { bills, billText } from '../sbom/parts.mjs';
import { manualPages } from '../man/pages.mjs';
import { addonFiles, licenses } from './parts.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const flag = (name) => process.argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
const build = join(root, 'build');
const out = flag('out') ?? build;
const named = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const debian = { x64: 'amd64', arm64: 'arm64' };

const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8'));
const version = `${pjson.version}-${flag('revision') ?? '1'}`;

const script = (body) => `#!/bin/sh\nset -e\n${body}`;
const reload = '[ ! -d /run/systemd/system ] || systemctl daemon-reload\n';
const units = services.map((service) => unitName[service]).join(' ');
/** Nothing is started that did not run: an upgrade has what runs go on as the new program, and asks for no more. */
const maintainer = {
  postinst: script(`${reload}if [ "$1" = configure ] && [ -n "$2" ] && [ -d /run/systemd/system ]; then
  for unit in ${units}; do
    systemctl is-active --quiet $unit || continue
    # It goes on as the new program, and loses no packet.
    systemctl reload $unit 2>/dev/null || systemctl try-restart $unit
  done
fi
`),
  prerm: script(`if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now --quiet ${units}
fi
`),
  postrm: script(`${reload}case $1 in
remove) rm -rf /var/cache/evio /var/cache/private/evio-relay /var/cache/evio-relay ;;
# Keys and networks of this machine: only when that is asked for.
purge)
  rm -rf /var/lib/evio /var/lib/private/evio-relay /var/lib/evio-relay
  # What refuses packets for the networks while no node runs (src/core/tap/route-message.ts).
  for family in -4 -6; do ip $family route flush type unreachable proto 144 2>/dev/null || :; done
  ;;
esac
`),
};

/** The library that Node asks for and a fresh Debian lacks, where the program looks first (build.mjs), and its licence. */
function atomic(arch) {
  const files = debianFiles(debian[arch]);
  const path = Object.keys(files).find((each) => each.endsWith('/libatomic.so.1'));
  return {
    library: files[join(dirname(path), files[path].link)].content,
    license: `libatomic of GCC, in /usr/lib/evio:\n\n${files['usr/share/doc/gcc-12-base/copyright'].content}`,
  };
}

async function filesOf(arch) {
  const { library, license } = atomic(arch);
  const { debianPackage } = await bills(arch);
  const completion = (shell) =>
    execFileSync(process.execPath, [join(root, 'bin/run.js'), 'completion', shell], { encoding: 'utf8' });
  const pages = Object.entries(manualPages(manifest, pjson));
  return {
    ...addonFiles(arch),
    'usr/lib/evio/libatomic.so.1': library,
    ...Object.fromEntries(
      pages.map(([name, text]) => [`usr/share/man/man1/${name}.gz`, gzipSync(text, { level: 9 })]),
    ),
    'usr/share/bash-completion/completions/evio': completion('bash'),
    'usr/share/zsh/vendor-completions/_evio': completion('zsh'),
    'usr/share/fish/vendor_completions.d/evio.fish': completion('fish'),
    'usr/share/doc/evio/copyright': `${licenses(arch)}\n${license}`,
    'usr/share/doc/evio/sbom.cdx.json.gz': gzipSync(billText(debianPackage), { level: 9 }),
    'usr/share/doc/evio/changelog.gz': gzipSync(readFileSync(join(root, 'CHANGELOG.md')), { level: 9 }),
    'etc/default/evio-relay': relayDefaults([]),
    ...Object.fromEntries(
      services.map((service) => [
        `usr/lib/systemd/system/${unitName[service]}`,
        unitText(service, { command: ['/usr/bin/evio'], home: '/var/lib/evio' }),
      ]),
    ),
  };
}

function put(path, content, mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

function walk(folder) {
  return readdirSync(folder)
    .sort()
    .flatMap((name) =>
      lstatSync(join(folder, name)).isDirectory() ? walk(join(folder, name)) : [join(folder, name)],
    );
}

process.umask(0o022);
mkdirSync(out, { recursive: true });
for (const arch of named.length > 0 ? named : Object.keys(debian)) {
  const folder = mkdtempSync(join(out, '.deb-'));
  chmodSync(folder, 0o755);
  try {
    for (const [path, content] of Object.entries(await filesOf(arch))) put(join(folder, path), content);
    mkdirSync(join(folder, 'usr/bin'), { recursive: true });
    copyFileSync(join(build, `evio-linux-${arch}`), join(folder, 'usr/bin/evio'));
    chmodSync(join(folder, 'usr/bin/evio'), 0o755);
    symlinkSync('evio', join(folder, 'usr/bin/evio-cni'));
    const files = walk(folder).filter((path) => !lstatSync(path).isSymbolicLink());
    const size = Math.ceil(files.reduce((sum, path) => sum + lstatSync(path).size, 0) / 1024);
    const sums = files.map(
      (path) => `${createHash('md5').update(readFileSync(path)).digest('hex')}  ${relative(folder, path)}\n`,
    );
    put(join(folder, 'DEBIAN/md5sums'), sums.join(''));
    put(join(folder, 'DEBIAN/conffiles'), '/etc/default/evio-relay\n');
    put(
      join(folder, 'DEBIAN/control'),
      `Package: evio
Version: ${version}
Architecture: ${debian[arch]}
Maintainer: evio <evio@localhost>
Installed-Size: ${size}
Depends: libc6 (>= 2.28), libstdc++6 (>= 8), libgcc-s1
Section: net
Priority: optional
Description: ${pjson.description.split(':')[0]}
 ${pjson.description}.
`,
    );
    for (const [name, text] of Object.entries(maintainer)) put(join(folder, 'DEBIAN', name), text, 0o755);
    const file = join(out, `evio_${version}_${debian[arch]}.deb`);
    execFileSync(
      'dpkg-deb',
      ['--root-owner-group', '-Zgzip', `-z${flag('level') ?? 6}`, '--build', folder, file],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
        // The date of every file in it.
        env: { ...process.env, SOURCE_DATE_EPOCH: process.env.SOURCE_DATE_EPOCH ?? '1767225600' },
      },
    );
    console.log(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
