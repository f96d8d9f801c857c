/**
 * The CNI configuration, which says that the node has a pod network: the runtime calls the node ready while it is there. It is
 * ours alone, by its name; that of another plugin is never touched, and none of ours is written beside it, since the
 * runtime takes the first and would take the other whenever ours goes.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isThere } from '../core/disk/there.js';
import { replaceFileSync } from '../core/disk/replace-file.js';
import { storageError } from '../core/disk/storage-error.js';
import { EvioError } from '../core/lib/errors.js';

export const conflistName = '10-evio.conflist';
/** Takes part beside us by design: it hands on to the network that it finds. */
const companions = /"type"\s*:\s*"(multus|multus-shim)"/;

export interface ConflistFacts {
  /** Ranges of this node's pods. */
  readonly ranges: readonly string[];
  /** Id of the evio network. */
  readonly network: string;
  /** Its interface: the plugin need not ask the node for it. */
  readonly device: string;
  /** Plugins that follow in the chain, of those that are installed. */
  readonly portmap: boolean;
  /** NetworkPolicies are put in force on this node. */
  readonly policy: boolean;
}

/** CNI 1.0.0 is the newest that all runtimes in use speak. */
export function conflistText({ ranges, network, device, portmap, policy }: ConflistFacts): string {
  const content = {
    cniVersion: '1.0.0',
    name: 'evio',
    plugins: [
      {
        type: 'evio-cni',
        network,
        device,
        ranges: ranges.map((subnet) => [{ subnet }]),
        ...(policy ? { policy } : {}),
      },
      ...(portmap ? [{ type: 'portmap', capabilities: { portMappings: true } }] : []),
    ],
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** A plugin may be a link to what only the host has: the agent's pod sees the folder alone. */
const isInstalled = (folder: string, plugin: string): boolean => isThere(join(folder, plugin));

export class Conflist {
  readonly #folder: string;
  readonly #plugins: string;

  /** @param plugins folder of the plugins */
  constructor(folder: string, plugins: string) {
    this.#folder = folder;
    this.#plugins = plugins;
  }

  /** True when it is there. */
  get present(): boolean {
    return existsSync(this.#path);
  }

  /** Writes it, unless it says the same already. True when it was written. Throws EvioError EVIO_STORAGE. */
  write(facts: Omit<ConflistFacts, 'portmap'>): boolean {
    const text = conflistText({ ...facts, portmap: isInstalled(this.#plugins, 'portmap') });
    try {
      if (this.present && readFileSync(this.#path, 'utf8') === text) return false;
      replaceFileSync(this.#path, text);
      return true;
    } catch (thrown) {
      throw storageError(this.#path, thrown);
    }
  }

  /** True when there was one. */
  remove(): boolean {
    const there = this.present;
    rmSync(this.#path, { force: true });
    return there;
  }

  /**
   * Passes a machine on which pods can be connected by us.
   *
   * @throws EvioError EVIO_CNI_CONFLICT another plugin's configuration, or EVIO_STORAGE a plugin or folder that is missing
   */
  check(): void {
    let names: readonly string[];
    try {
      names = readdirSync(this.#folder);
    } catch (thrown) {
      throw storageError(this.#folder, thrown);
    }
    for (const name of [...names].sort()) {
      if (name === conflistName || !/\.(conf|conflist|json)$/.test(name)) continue;
      if (companions.test(readFileSync(join(this.#folder, name), 'utf8'))) continue;
      throw new EvioError(
        'EVIO_CNI_CONFLICT',
        `${join(this.#folder, name)} belongs to another pod network.`,
        ['Remove that network, or its file, or do not run evio kube on this node.'],
      );
    }
    for (const plugin of ['evio-cni', 'host-local'])
      if (!isInstalled(this.#plugins, plugin))
        throw new EvioError('EVIO_STORAGE', `The CNI plugin ${join(this.#plugins, plugin)} is not there.`, [
          plugin === 'evio-cni'
            ? `evio kube install --cni-bin ${this.#plugins}`
            : "Install the CNI project's plugins (Debian: containernetworking-plugins), or name their folder by --cni-bin.",
        ]);
  }

  get #path(): string {
    return join(this.#folder, conflistName);
  }
}
