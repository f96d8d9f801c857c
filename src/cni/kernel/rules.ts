/** Which rules of nftables stand, asked of the kernel itself (`<linux/netfilter/nf_tables.h>`): `nft` would take 8 ms for it. */
import { Netlink, NetlinkError } from '../../core/native/netlink.js';
import { concatBytes } from '../../core/lib/bytes.js';
import { textAttribute } from '../../core/tap/attribute.js';

const NETLINK_NETFILTER = 12;
/** NFNL_SUBSYS_NFTABLES, NFT_MSG_GETRULE. */
const getRule = (10 << 8) | 7;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
/** NFPROTO_*. */
const families: Readonly<Record<string, number>> = { inet: 1, bridge: 7 };

/** How many rules of each chain bear this comment; none where there is no such chain. @param table `FAMILY NAME` */
export function countRules(table: string, chains: readonly string[], comment: string): number[] {
  const [family = '', name = ''] = table.split(' ');
  // nfgenmsg: family 1 | version 1 | resource 2
  const head = Uint8Array.of(families[family] ?? 0, 0, 0, 0);
  const netlink = new Netlink(NETLINK_NETFILTER);
  const count = (chain: string): number => {
    const body = concatBytes(
      head,
      textAttribute(NFTA_RULE_TABLE, name),
      textAttribute(NFTA_RULE_CHAIN, chain),
    );
    try {
      return netlink.dump(getRule, body).filter((rule) => Buffer.from(rule.body).includes(`${comment}\0`))
        .length;
    } catch (thrown) {
      if (thrown instanceof NetlinkError) return 0;
      throw thrown;
    }
  };
  try {
    return chains.map(count);
  } finally {
    netlink.close();
  }
}
