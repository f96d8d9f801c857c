/** Asks the kernel by a socket that is closed behind it. */
import { errnoName } from '../native/libc.js';
import { Netlink, NetlinkError } from '../native/netlink.js';

/** What `work` returns, or, where the kernel refuses something that it does not deal with itself, what `refused` makes of that. */
export function withNetlink<T>(work: (netlink: Netlink) => T, refused: (error: NetlinkError) => T): T {
  let netlink: Netlink | undefined;
  try {
    netlink = new Netlink();
    return work(netlink);
  } catch (thrown) {
    if (!(thrown instanceof NetlinkError)) throw thrown;
    return refused(thrown);
  } finally {
    netlink?.close();
  }
}

/** The same of routes: what `work` tells of its failures, for people. */
export function withRoutes(work: (netlink: Netlink) => string[]): string[] {
  return withNetlink(work, ({ errno }) => [`the routes of this machine cannot be read: ${errnoName(errno)}`]);
}
