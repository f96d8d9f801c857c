/**
 * A copy of all objects of a kind: listed once, then followed by a watch, and listed again after the server forgot where
 * we were. While the server is gone the copy stays as it was.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { messageOf } from '../../core/lib/errors.js';
import { ApiError, type ApiClient, type WatchEvent } from './client.js';

const list = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  items: z.array(z.unknown()).nullable(),
});
const version = z.object({ metadata: z.object({ resourceVersion: z.string() }) });

/** Between attempts, ms: doubled up to the second. */
const retryMs = 500;
const longestRetryMs = 8_000;
/** The server ends a watch after so long, and we begin another, seconds. */
const watchS = 600;

interface Named {
  readonly metadata: { readonly name: string; readonly namespace: string };
}

export interface MirrorPorts {
  /** Something may have changed. */
  changed(): void;
  /** The server answers, or a sentence says why it does not. */
  reached(failure: string | undefined): void;
}

export class Mirror<T extends Named> {
  readonly #client: ApiClient;
  readonly #path: string;
  readonly #schema: z.ZodType<T>;
  readonly #ports: MirrorPorts;
  readonly #objects = new Map<string, T>();
  #synced = false;
  #version = '';

  constructor(client: ApiClient, path: string, schema: z.ZodType<T>, ports: MirrorPorts) {
    this.#client = client;
    this.#path = path;
    this.#schema = schema;
    this.#ports = ports;
  }

  /** True once all were listed. */
  get synced(): boolean {
    return this.#synced;
  }

  get objects(): readonly T[] {
    return [...this.#objects.values()];
  }

  get(name: string, namespace = ''): T | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  /** Follows until the signal. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    let wait = retryMs;
    while (!signal.aborted) {
      try {
        if (this.#version === '') await this.#list(signal);
        const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=${watchS}`;
        const path = `${this.#path}?${query}&resourceVersion=${encodeURIComponent(this.#version)}`;
        this.#ports.reached(undefined);
        wait = retryMs;
        await this.#client.watch(path, (event) => this.#take(event), signal);
      } catch (thrown) {
        if (signal.aborted) return;
        if (thrown instanceof ApiError && thrown.status === 410) this.#version = '';
        else this.#ports.reached(messageOf(thrown));
        await sleep(wait * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
        wait = Math.min(longestRetryMs, wait * 2);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { metadata, items } = list.parse(await this.#client.request('GET', this.#path, undefined, signal));
    this.#objects.clear();
    for (const item of items ?? []) this.#put(item);
    this.#version = metadata.resourceVersion;
    this.#synced = true;
    this.#ports.changed();
  }

  #take({ type, object }: WatchEvent): void {
    // "Gone": what happened since our version is not kept any more.
    if (type === 'ERROR') throw new ApiError(410, 'the watch has to begin anew');
    const told = version.safeParse(object);
    if (told.success) this.#version = told.data.metadata.resourceVersion;
    if (type === 'BOOKMARK') return;
    if (type === 'DELETED') this.#drop(object);
    else this.#put(object);
    this.#ports.changed();
  }

  #put(object: unknown): void {
    const read = this.#schema.safeParse(object);
    if (read.success) this.#objects.set(keyOf(read.data), read.data);
    else this.#drop(object);
  }

  #drop(object: unknown): void {
    const named = z
      .object({ metadata: z.object({ name: z.string(), namespace: z.string().default('') }) })
      .safeParse(object);
    if (named.success) this.#objects.delete(keyOf(named.data));
  }
}

function keyOf({ metadata: { name, namespace } }: Named): string {
  return `${namespace}/${name}`;
}
