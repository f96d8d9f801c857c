import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';
import { durationFlag, networkFlag } from '../../cli/flags.js';
import { givenRights } from '../../core/membership/profile.js';

export default class TokenCreate extends BaseCommand {
  static override summary = 'make a token by which machines join the network';
  static override description =
    'On an admin machine. A token expires, counts its uses and can be revoked; whoever holds it can join, so hand it over as you would a password.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --expires 7d --uses 20 --tag site-b',
    '<%= config.bin %> <%= command.id %> --role leaf --json',
    '<%= config.bin %> <%= command.id %> --right bridge',
    '<%= config.bin %> <%= command.id %> --right admin --expires 1h',
    '<%= config.bin %> <%= command.id %> --uses 0 --ephemeral --tag ci',
    '<%= config.bin %> <%= command.id %> --uses 0 --approve',
  ];

  static override flags = {
    network: networkFlag,
    expires: durationFlag({
      default: 86_400_000,
      defaultHelp: async () => '24h',
      description: 'how long it may be used',
    }),
    uses: Flags.integer({
      default: 1,
      min: 0,
      helpValue: 'N',
      description: 'how many machines may join by it; 0 is no limit',
    }),
    role: Flags.string({
      options: ['switch', 'leaf'],
      default: 'switch',
      description:
        'what joiners may be: a switch forwards for others (and may join as leaf), a leaf does not',
    }),
    tag: Flags.string({
      multiple: true,
      helpValue: 'TAG',
      description: 'tag that joiners carry in their certificates; repeatable',
    }),
    right: Flags.string({
      options: [...givenRights],
      multiple: true,
      multipleNonGreedy: true,
      description:
        'what joiners may do beyond their own affairs; bridge: send for other machines behind them (VMs, macvlan); route: announce subnets; admin: invite, revoke, and name admins; repeatable',
    }),
    ephemeral: Flags.boolean({
      description: 'joiners are forgotten five minutes after they went, for CI jobs',
    }),
    approve: Flags.boolean({
      description: 'joiners wait until an admin lets each of them in, by "evio approve"',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(TokenCreate);
    const { createInvite } = await import('../../core/enroll/invites.js');
    const { Store } = await import('../../core/config/store.js');
    const store = new Store(this.home());
    const invite = await createInvite(
      store,
      store.pick(flags.network),
      {
        expiresMs: flags.expires,
        uses: flags.uses,
        role: flags.role === 'leaf' ? 'leaf' : 'switch',
        tags: flags.tag ?? [],
        rights: givenRights.filter((right) => flags.right?.includes(right)),
        ephemeral: flags.ephemeral,
        approve: flags.approve,
      },
      await this.env(),
    );
    const expires = new Date(invite.expires).toISOString();
    const machines =
      invite.uses === 0
        ? 'any number of machines'
        : invite.uses === 1
          ? 'one machine'
          : `${invite.uses} machines`;
    this.say(
      `Token ${invite.id} admits ${machines} until ${expires}${invite.approvals ? ', each when an admin has let it in (evio approve)' : ''}:`,
    );
    this.print(invite.token);
    return {
      id: invite.id,
      token: invite.token,
      expires,
      uses: invite.uses,
      role: invite.role,
      tags: invite.tags,
      rights: invite.rights ?? [],
      ephemeral: invite.ephemeral ?? false,
      approve: (invite.approvals ?? 0) > 0,
    };
  }
}
