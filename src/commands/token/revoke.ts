import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class TokenRevoke extends BaseCommand {
  static override summary = 'revoke a token';
  static override description =
    'Marks the token as revoked on this machine. Machines that joined by it stay members. Relays are not told in this version: until it expires, the token itself still admits whoever holds it.';
  static override examples = ['<%= config.bin %> <%= command.id %> 0a1b2c3d4e5f'];
  static override args = {
    id: Args.string({
      required: true,
      description: 'id of the token (see "evio token list"), or the token itself',
    }),
  };

  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(TokenRevoke);
    const { revokeInvite } = await import('../../core/enroll/invites.js');
    const { Store } = await import('../../core/config/store.js');
    const store = new Store(this.home());
    const revoked = await revokeInvite(store, store.pick(flags.network), args.id);
    this.say(
      `Marked the token ${revoked} as revoked. Relays are not told in this version: it admits machines until it expires.`,
    );
    return { revoked };
  }
}
