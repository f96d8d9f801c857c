/**
 * Which pod has which addresses, for who decides on what pods may send: written before a pod can send anything, and removed with
 * it. Only where the configuration says `policy`.
 *
 *   attached/LINK   { "namespace": "default", "name": "web", "ips": ["10.244.1.5"] }
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface AttachedPod {
  readonly namespace: string;
  readonly name: string;
  readonly ips: readonly string[];
}

/** The folder, in the home at this path. */
export function attachedFolder(home: string): string {
  return join(home, 'attached');
}

/** What Kubernetes' runtimes say of a pod (CNI_ARGS); undefined: it is none of Kubernetes. */
export function podOf(args = ''): { readonly namespace: string; readonly name: string } | undefined {
  const word = (key: string): string | undefined =>
    args
      .split(';')
      .find((part) => part.startsWith(`${key}=`))
      ?.slice(key.length + 1);
  const namespace = word('K8S_POD_NAMESPACE');
  const name = word('K8S_POD_NAME');
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

export function noteAttached(home: string, link: string, pod: AttachedPod): void {
  const folder = attachedFolder(home);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, `.${link}`), JSON.stringify(pod), { mode: 0o600 });
  renameSync(join(folder, `.${link}`), join(folder, link));
}

/** Harmless where there is none. */
export function forgetAttached(home: string, link: string): void {
  rmSync(join(attachedFolder(home), link), { force: true });
}

/** Names of the host's ends of pods that are noted. */
export function attachedLinks(home: string): string[] {
  try {
    return readdirSync(attachedFolder(home)).filter((name) => !name.startsWith('.'));
  } catch {
    return [];
  }
}

/** All that are noted; what cannot be read is left out. */
export function attachedPods(home: string): AttachedPod[] {
  return attachedLinks(home).flatMap((link) => {
    try {
      const { namespace, name, ips } = JSON.parse(
        readFileSync(join(attachedFolder(home), link), 'utf8'),
      ) as Partial<AttachedPod>;
      return typeof namespace === 'string' && typeof name === 'string' && Array.isArray(ips)
        ? [{ namespace, name, ips }]
        : [];
    } catch {
      return [];
    }
  });
}
