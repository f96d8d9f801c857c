/** The image's parts that are pure: archives, layout; and that what deploy/compose asks for is what the image has. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';

type Files = Record<
  string,
  { content?: string | Uint8Array; mode?: number; owner?: number; link?: string; folder?: boolean }
>;
interface Descriptor {
  digest: string;
  size: number;
  mediaType: string;
  platform?: object;
  annotations?: Record<string, string>;
}
const root = new URL('../../../', import.meta.url);
const script = (name: string): Promise<unknown> => import(new URL(`scripts/oci/${name}`, root).href);
const { archive } = (await script('tar.mjs')) as { archive: (files: Files) => Buffer };
const { layoutOf } = (await script('layout.mjs')) as {
  layoutOf: (image: object) => Record<string, { content: Buffer }>;
};
const image = (await script('image.mjs')) as {
  relayUser: number;
  machineFiles: Files;
  runs: { Entrypoint: string[] };
};
const pjson = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };

describe('an archive', () => {
  const files: Files = {
    'b/deep/file': { content: 'text', mode: 0o755, owner: 65532 },
    'b/link': { link: 'deep/file' },
    a: { content: Buffer.alloc(512, 1) },
    tmp: { folder: true, mode: 0o1777 },
    empty: { content: '' },
  };

  it('is read by tar, with modes, owners, links and folders', () => {
    const folder = mkdtempSync(join(tmpdir(), 'evio-tar-'));
    try {
      const input = archive(files);
      execFileSync('tar', ['xpf', '-', '--no-same-owner', '-C', folder], { input });
      expect(readFileSync(join(folder, 'b/deep/file'), 'utf8')).toBe('text');
      expect(statSync(join(folder, 'b/deep/file')).mode & 0o7777).toBe(0o755);
      expect(statSync(join(folder, 'tmp')).mode & 0o7777).toBe(0o1777);
      expect(statSync(join(folder, 'a')).size).toBe(512);
      expect(readlinkSync(join(folder, 'b/link'))).toBe('deep/file');
      const listed = execFileSync('tar', ['tvf', '-', '--numeric-owner'], { input, encoding: 'utf8' });
      expect(listed).toMatch(/65532\/65532 .* b\/deep\/file$/m);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('does not depend on the order in which files are named', () => {
    const turned = Object.fromEntries(Object.entries(files).reverse());
    expect(archive(turned).equals(archive(files))).toBe(true);
  });

  it('refuses a name that it cannot hold', () => {
    expect(() => archive({ ['x'.repeat(101)]: { content: '' } })).toThrow('too long');
  });
});

describe('the layout of an image', () => {
  const layer = { note: 'one', plain: Buffer.from('plain'), packed: Buffer.from('packed') };
  const platforms = [
    { architecture: 'amd64', os: 'linux' },
    { architecture: 'arm64', os: 'linux', variant: 'v8' },
  ];
  const files = layoutOf({
    name: 'evio',
    version: '1.2.3',
    config: image.runs,
    labels: { a: 'b' },
    images: platforms.map((platform) => ({ platform, layers: [layer] })),
  });
  const json = <T>(path: string): T => JSON.parse(files[path]?.content.toString() as string) as T;
  const at = ({ digest }: Descriptor): string => `blobs/${digest.replace(':', '/')}`;
  const hash = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

  it('has every blob under its hash, and leads from the index to layers', () => {
    expect(json('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' });
    const [index] = json<{ manifests: Descriptor[] }>('index.json').manifests as [Descriptor];
    expect(index.annotations?.['org.opencontainers.image.ref.name']).toBe('1.2.3');
    const { manifests } = json<{ manifests: Descriptor[] }>(at(index));
    expect(manifests.map(({ platform }) => platform)).toEqual(platforms);
    for (const each of manifests) {
      const manifest = json<{ config: Descriptor; layers: Descriptor[] }>(at(each));
      for (const part of [index, each, manifest.config, ...manifest.layers]) {
        const bytes = files[at(part)]?.content as Buffer;
        expect([hash(bytes), bytes.length]).toEqual([part.digest, part.size]);
      }
      const config = json<{ rootfs: { diff_ids: string[] }; config: object }>(at(manifest.config));
      expect(config.rootfs.diff_ids).toEqual([hash(layer.plain)]);
      expect(config.config).toMatchObject({ Entrypoint: ['/usr/bin/evio'], Labels: { a: 'b' } });
    }
  });

  it('is read by programs that know no index, too: by a tag for each architecture', () => {
    const entries = json<{ Config: string; RepoTags: string[]; Layers: string[] }[]>('manifest.json');
    expect(entries.map(({ RepoTags }) => RepoTags)).toEqual([['evio:1.2.3-amd64'], ['evio:1.2.3-arm64']]);
    for (const { Config, Layers } of entries)
      expect([Config, ...Layers].every((path) => files[path])).toBe(true);
  });
});

describe('compose files', () => {
  interface Service {
    image: string;
    command: string[];
    user?: string;
    environment?: Record<string, string>;
    volumes: string[];
    cap_add?: string[];
    cap_drop: string[];
    devices?: string[];
    read_only: boolean;
  }
  const read = (name: string): { services: Record<string, Service>; volumes: Record<string, unknown> } =>
    parse(readFileSync(fileURLToPath(new URL(`deploy/compose/${name}.yaml`, root)), 'utf8')) as never;

  it.each(['relay', 'node'])('of the %s runs the image of this version with few rights', (name) => {
    const { services, volumes } = read(name);
    const service = services[name] as Service;
    expect(service.image).toBe(`\${EVIO_IMAGE:-evio:${pjson.version}}`);
    expect(service.command[0]).toBe(name);
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    for (const volume of service.volumes) {
      const [from, to] = volume.split(':') as [string, string];
      expect(volumes).toHaveProperty(from);
      expect(image.machineFiles[to.slice(1)]).toMatchObject({ folder: true, mode: 0o700 });
    }
  });

  it('give the relay a user who owns its folder, and no capability', () => {
    const relay = read('relay').services['relay'] as Service;
    expect(relay.user).toBe(`${image.relayUser}:${image.relayUser}`);
    const home = relay.environment?.['EVIO_HOME'] as string;
    expect(image.machineFiles[home.slice(1)]?.owner).toBe(image.relayUser);
    expect(relay.cap_add).toBeUndefined();
  });

  it('give the node the device and the one capability that an interface needs', () => {
    expect(read('node').services['node']).toMatchObject({
      cap_add: ['NET_ADMIN'],
      devices: ['/dev/net/tun'],
    });
  });
});
