import { errnoName } from '../native/libc.js';
import { Netlink, NetlinkError } from '../native/netlink.js';

/** What `work` tells of its failures, or why the kernel could not be asked at all, for people. The socket is closed behind it. */
export function withNetlink(work: (netlink: Netlink) => string[]): string[] {
  let netlink: Netlink | undefined;
  try {
    netlink = new Netlink();
    return work(netlink);
  } catch (thrown) {
    if (!(thrown instanceof NetlinkError)) throw thrown;
    return [`the routes of this machine cannot be read: ${errnoName(thrown.errno)}`];
  } finally {
    netlink?.close();
  }
}
