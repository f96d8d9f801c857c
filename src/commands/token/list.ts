import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class TokenList extends BaseCommand {
  static override summary = 'list the tokens made on this machine';
  static override description =
    'How often a token was used is known to the relays only. The tokens themselves are shown with --json.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(TokenList);
    const { listInvites } = await import('../../core/enroll/invites.js');
    const { Store } = await import('../../core/config/store.js');
    const { tokensText } = await import('../../views/text/tokens.js');
    const store = new Store(this.home());
    const now = Date.now();
    const tokens = listInvites(store, store.pick(flags.network)).map((invite) => ({
      id: invite.id,
      token: invite.token,
      created: new Date(invite.created).toISOString(),
      expires: new Date(invite.expires).toISOString(),
      uses: invite.uses,
      role: invite.role,
      tags: invite.tags,
      rights: invite.rights ?? [],
      ephemeral: invite.ephemeral ?? false,
      approve: (invite.approvals ?? 0) > 0,
      state: invite.revoked ? 'revoked' : invite.expires <= now ? 'expired' : 'valid',
    }));
    this.show(tokensText(tokens));
    return { tokens };
  }
}
