/**
 * Which agent gives addresses: one at a time, by a Lease object, so that no address is given twice. Who holds it is away when
 * the object has not changed for a while by our own clock: clocks of other machines are not compared.
 */
import { z } from 'zod';
import { ApiError, type ApiClient } from '../api/client.js';
import { leaseObject } from '../api/objects.js';

export const leaseName = 'evio-services';
/** The holder renews it this often, ms. */
export const renewEveryMs = 5_000;
const lostAfterMs = 16_000;

const written = z.looseObject({ metadata: z.looseObject({}), spec: z.looseObject({}).default({}) });

export class Lease {
  readonly #client: ApiClient;
  readonly #path: string;
  readonly #self: string;
  #version = '';
  #seenAt = 0;

  constructor(client: ApiClient, namespace: string, self: string) {
    this.#client = client;
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;
    this.#self = self;
  }

  /** Takes or renews it; true while we hold it. `now`: ms of a clock that only rises. Throws ApiError. */
  async hold(now: number, date: Date): Promise<boolean> {
    const spec = {
      holderIdentity: this.#self,
      leaseDurationSeconds: Math.round(lostAfterMs / 1000),
      renewTime: date.toISOString().replace('Z', '000Z'),
    };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
    let found: unknown;
    try {
      found = await this.#client.request('GET', `${this.#path}/${leaseName}`);
    } catch (thrown) {
      if (!(thrown instanceof ApiError) || thrown.status !== 404) throw thrown;
      return this.#try('POST', this.#path, { ...lease, metadata: { name: leaseName }, spec });
    }
    const { metadata, spec: held } = leaseObject.parse(found);
    if (metadata.resourceVersion !== this.#version) {
      this.#version = metadata.resourceVersion;
      this.#seenAt = now;
    }
    const free =
      !held.holderIdentity || held.holderIdentity === this.#self || now - this.#seenAt > lostAfterMs;
    if (!free) return false;
    const object = written.parse(found);
    return this.#try('PUT', `${this.#path}/${leaseName}`, { ...object, spec: { ...object.spec, ...spec } });
  }

  /** Another was faster: false. */
  async #try(verb: 'POST' | 'PUT', path: string, body: object): Promise<boolean> {
    try {
      await this.#client.request(verb, path, body);
      return true;
    } catch (thrown) {
      if (thrown instanceof ApiError && thrown.status === 409) return false;
      throw thrown;
    }
  }
}
