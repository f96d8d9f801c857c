/**
 * Where the API server is and who we are there: from a kubeconfig, or from what Kubernetes mounts into a pod.
 *
 * A kubeconfig that gets its credentials from a program (`exec`) is refused: the agent runs as root, and a node has a
 * certificate or a token.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { bracketed } from '../../core/lib/endpoint.js';
import { EvioError, messageOf } from '../../core/lib/errors.js';

export interface ApiAccess {
  readonly server: URL;
  /** PEM; undefined: the system's authorities. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** The server's certificate is not looked at. */
  readonly insecure: boolean;
  /** Where the agent's own objects are. */
  readonly namespace: string;
  /** Read again for each request: Kubernetes replaces the file. */
  token(): string | undefined;
}

const defaultNamespace = 'kube-system';

const data = z.string().optional();
const kubeconfigSchema = z.object({
  'current-context': z.string(),
  contexts: z.array(
    z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) }),
  ),
  clusters: z.array(
    z.object({
      name: z.string(),
      cluster: z.object({
        server: z.string(),
        'certificate-authority': data,
        'certificate-authority-data': data,
        'insecure-skip-tls-verify': z.boolean().optional(),
      }),
    }),
  ),
  users: z.array(
    z.object({
      name: z.string(),
      user: z.object({
        'client-certificate': data,
        'client-certificate-data': data,
        'client-key': data,
        'client-key-data': data,
        token: data,
        tokenFile: data,
        exec: z.unknown().optional(),
      }),
    }),
  ),
});

function unusable(what: string, ...suggestions: string[]): EvioError {
  return new EvioError('EVIO_KUBE_ACCESS', what, suggestions);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    throw unusable(`${path} cannot be read: ${messageOf(thrown)}`);
  }
}

function serverOf(text: string, override: string | undefined): URL {
  const url = override ?? text;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw unusable(`"${url}" is no address of an API server.`, 'For example: https://10.144.0.1:6443');
  return new URL(url);
}

/**
 * @param server in the place of what the file says
 * @throws EvioError EVIO_KUBE_ACCESS
 */
export async function accessFrom(path: string, server?: string): Promise<ApiAccess> {
  const { parse } = await import('yaml');
  let parsed: unknown;
  try {
    parsed = parse(read(path));
  } catch (thrown) {
    throw thrown instanceof EvioError ? thrown : unusable(`${path} is no YAML: ${messageOf(thrown)}`);
  }
  const checked = kubeconfigSchema.safeParse(parsed);
  if (!checked.success)
    throw unusable(
      `${path} is no kubeconfig: ${checked.error.issues[0]?.path.join('.')} is missing or wrong.`,
    );
  const config = checked.data;
  const context = config.contexts.find(({ name }) => name === config['current-context'])?.context;
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster;
  const user = config.users.find(({ name }) => name === context?.user)?.user;
  if (!cluster || !user) throw unusable(`${path} lacks the context, cluster or user that it names.`);
  if (user.exec !== undefined)
    throw unusable(
      `${path} gets its credentials from a program, which the agent does not run.`,
      'Give it a kubeconfig with a certificate or a token.',
    );
  const pem = (file: string | undefined, inline: string | undefined): string | undefined =>
    inline !== undefined
      ? Buffer.from(inline, 'base64').toString('utf8')
      : file === undefined
        ? undefined
        : read(resolve(dirname(path), file));
  const { token, tokenFile } = user;
  return {
    server: serverOf(cluster.server, server),
    ca: pem(cluster['certificate-authority'], cluster['certificate-authority-data']),
    cert: pem(user['client-certificate'], user['client-certificate-data']),
    key: pem(user['client-key'], user['client-key-data']),
    insecure: cluster['insecure-skip-tls-verify'] === true,
    namespace: defaultNamespace,
    token: () => (tokenFile === undefined ? token : read(resolve(dirname(path), tokenFile)).trim()),
  };
}

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Of a pod. Its environment names a Service's address, which answers only after kube-proxy has set it up on this node;
 * `server`, an address of evio, answers before.
 *
 * @throws EvioError EVIO_KUBE_ACCESS
 */
export function accessInCluster(env: NodeJS.ProcessEnv, server?: string, folder = accountFolder): ApiAccess {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (host === undefined)
    throw unusable(
      'This is no pod of a cluster, and no kubeconfig was named.',
      'Name one: evio kube --kubeconfig FILE',
    );
  const named = `https://${bracketed(host)}:${port}`;
  return {
    server: serverOf(named, server),
    ca: read(`${folder}/ca.crt`),
    cert: undefined,
    key: undefined,
    insecure: false,
    namespace: read(`${folder}/namespace`).trim(),
    token: () => read(`${folder}/token`).trim(),
  };
}
