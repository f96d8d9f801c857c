/**
 * The image as a folder of blobs (OCI image specification 1.1): files by name, pure.
 *
 *   oci-layout                     1.0.0
 *   index.json                     -> index, by the image's name
 *   blobs/sha256/…   index         -> manifest of each architecture
 *                    manifest      -> config, layers
 *                    config        how it is run; the layers before they were compressed
 *                    layers        archives, compressed
 *   manifest.json                  what `docker load` reads that knows no oci-layout: a tag for each architecture
 */
import { createHash } from 'node:crypto';
import { date } from './tar.mjs';

const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex');
const created = new Date(date * 1000).toISOString().replace('.000', '');

/**
 * @param image `{ name: 'evio', version, config, labels, images: [{ platform, layers: [{ note, plain, packed }] }] }`, where
 *   `plain` is a layer's archive and `packed` the same compressed by gzip, and `config` is what the engine runs.
 * @returns files of the layout: `{ path: { content } }`.
 */
export function layoutOf({ name, version, config, labels, images }) {
  const files = {};
  const blob = (mediaType, bytes) => {
    files[`blobs/sha256/${hashOf(bytes)}`] = { content: bytes };
    return { mediaType, digest: `sha256:${hashOf(bytes)}`, size: bytes.length };
  };
  const json = (value) => Buffer.from(JSON.stringify(value));
  const pathOf = ({ digest }) => `blobs/${digest.replace(':', '/')}`;

  const legacy = [];
  const manifests = images.map(({ platform, layers }) => {
    const blobs = layers.map(({ packed }) => blob(types.layer, packed));
    const configBlob = blob(
      types.config,
      json({
        created,
        ...platform,
        config: { ...config, Labels: labels },
        rootfs: { type: 'layers', diff_ids: layers.map(({ plain }) => `sha256:${hashOf(plain)}`) },
        history: layers.map(({ note }) => ({ created, created_by: note })),
      }),
    );
    legacy.push({
      Config: pathOf(configBlob),
      RepoTags: [`${name}:${version}-${platform.architecture}`],
      Layers: blobs.map(pathOf),
    });
    const manifest = {
      schemaVersion: 2,
      mediaType: types.manifest,
      config: configBlob,
      layers: blobs,
      annotations: labels,
    };
    return { ...blob(types.manifest, json(manifest)), platform };
  });
  const index = blob(
    types.index,
    json({ schemaVersion: 2, mediaType: types.index, manifests, annotations: labels }),
  );
  // What containerd and podman name the image by, and what the specification has for its tag.
  const annotations = {
    'io.containerd.image.name': `docker.io/library/${name}:${version}`,
    'org.opencontainers.image.ref.name': version,
  };
  return {
    ...files,
    'oci-layout': { content: json({ imageLayoutVersion: '1.0.0' }) },
    'index.json': {
      content: json({ schemaVersion: 2, mediaType: types.index, manifests: [{ ...index, annotations }] }),
    },
    'manifest.json': { content: json(legacy) },
  };
}
