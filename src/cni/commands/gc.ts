/** GC: removes what belongs to attachments that the runtime does not know any more. */
import { attachedLinks, forgetAttached } from '../attached.js';
import { tidy, unplug } from '../bridge.js';
import { Code, CniError } from '../errors.js';
import { listLinks } from '../kernel/kernel.js';
import { locked } from '../lock.js';
import { linkName, linkPrefix } from '../names.js';
import { guardedPorts } from '../port-guard.js';
import { Network } from '../programs.js';
import { ipamOf, lockOf, withPool, type Context } from './context.js';

/** Goes on after a failure, and throws CniError with all of them. */
export function gc(asked: Context): void {
  const context = withPool(asked);
  const { config, home } = context;
  const { name, valid = [] } = config;
  const keep = new Set(valid.map(({ containerId, ifname }) => linkName(name, containerId, ifname)));
  locked(lockOf(home), (held) => {
    const host = Network.host(held);
    const isStale = (link: string): boolean => link.startsWith(linkPrefix(name)) && !keep.has(link);
    const stale = listLinks().filter(({ ifname }) => isStale(ifname));
    const failures: string[] = [];
    const attempt = (work: () => void): void => {
      try {
        work();
      } catch (thrown) {
        failures.push(
          thrown instanceof CniError ? [thrown.message, thrown.details].join(': ') : String(thrown),
        );
      }
    };
    for (const { ifname } of stale)
      attempt(() => {
        unplug([ifname]);
      });
    attempt(() => {
      // Those of pods whose namespace went without DEL have no link any more.
      const gone = guardedPorts(host, config.bridge).filter(isStale);
      tidy(host, config.bridge, gone);
    });
    for (const link of attachedLinks(home.path).filter(isStale)) forgetAttached(home.path, link);
    attempt(() => {
      ipamOf(context, held).do('GC', config.raw, config.version);
    });
    if (failures.length > 0)
      throw new CniError(Code.failed, 'not everything could be removed', failures.join('; '));
  });
}
