import type { Accounts } from '../clouds/accounts.ts';
import type { Config } from '../config.ts';
import { startEmulator } from '../emulator/server.ts';
import type { Log } from '../log.ts';

/** The three clouds, emulated in this process, and the accounts that they take. */
export async function startSandbox(
  { speed, site }: Pick<Config, 'speed' | 'site'>,
  log: Log,
): Promise<{ readonly accounts: Accounts; close(): Promise<void> }> {
  const emulator = await startEmulator({
    speed,
    site,
    log: (message, fields) => log.debug(`emulator: ${message}`, fields),
  });
  const { url, credentials } = emulator;
  const vclm = {
    url,
    secretId: credentials.vclm.secret_id,
    secretKey: credentials.vclm.secret_key,
    region: 'ap-guangzhou',
  };
  return {
    accounts: {
      vclm,
      vclm_intl: vclm,
      ivh: { url, appKey: credentials.ivh.app_key, accessToken: credentials.ivh.access_token },
      dashscope: { url, apiKey: credentials.dashscope.api_key },
    },
    close: () => emulator.close(),
  };
}
