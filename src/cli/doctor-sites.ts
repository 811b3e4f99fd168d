import type { Accounts } from '../clouds/accounts.ts';
import { ivhAddresses, type Config } from '../config.ts';
import type { Cloud } from '../core/operation.ts';

/** Another place where the same keys may be at home, asked only when their own has refused them. */
export interface OtherPlace {
  /** The account there, under the cloud whose task queries it answers. */
  readonly accounts: Accounts;
  readonly cloud: Cloud;
  /** What follows when the keys are taken there. */
  readonly meaning: string;
  readonly mend: string;
}

/** DashScope's regions that do not offer VideoRetalk (base URL page, October 2026); keys are bound to a region. */
const otherRegions: Readonly<Record<string, string>> = {
  'dashscope-intl.aliyuncs.com': 'Singapore',
  'dashscope-us.aliyuncs.com': 'the US',
  'cn-hongkong.dashscope.aliyuncs.com': 'Hong Kong',
};
const beijing = 'dashscope.aliyuncs.com';
const hosts = { vclm: 'vclm.tencentcloudapi.com', vclm_intl: 'vclm.intl.tencentcloudapi.com' } as const;
const hostOf = (url: string) => new URL(url).host;

/** What an address gives away without being asked; undefined when it suits, or is nobody's that we know. */
export function misplaced(
  cloud: Cloud,
  { accounts, site }: Config,
): { detail: string; mend: string } | undefined {
  const account = accounts[cloud];
  if (!account) return undefined;
  const host = hostOf(account.url);
  if (cloud === 'ivh') {
    const other = site === 'cn' ? 'intl' : 'cn';
    if (host !== hostOf(ivhAddresses[other])) return undefined;
    return {
      detail: `the address is the ${other} site’s, but IVH_SITE is ${site}`,
      mend: `Set IVH_SITE to ${other} and leave DIGITAL_HUMAN_IVH_URL out; or correct that address.`,
    };
  }
  if (cloud === 'dashscope') {
    const region = otherRegions[host];
    if (region === undefined) return undefined;
    return {
      detail: `the address is that of ${region}, and VideoRetalk exists in Beijing only`,
      mend: 'Leave DIGITAL_HUMAN_DASHSCOPE_URL out, and use a key of the Beijing region.',
    };
  }
  const other = cloud === 'vclm' ? 'vclm_intl' : 'vclm';
  if (host !== hosts[other]) return undefined;
  return cloud === 'vclm'
    ? {
        detail: 'the address is the international host’s, which does not offer portrait singing',
        mend: 'Leave DIGITAL_HUMAN_VCLM_URL out.',
      }
    : {
        detail: 'the address is the domestic host’s, which no longer offers image animation',
        mend: 'Leave DIGITAL_HUMAN_VCLM_INTL_URL out.',
      };
}

function otherVclm(cloud: 'vclm' | 'vclm_intl', { vclm, vclm_intl }: Accounts): OtherPlace[] {
  const [own, other] = cloud === 'vclm' ? [vclm, vclm_intl] : [vclm_intl, vclm];
  // The other half of VCLM has an address of its own, also where both were pointed elsewhere.
  if (!own || !other || own.url === other.url) return [];
  const account = { ...own, url: other.url };
  return cloud === 'vclm'
    ? [
        {
          cloud: 'vclm_intl',
          accounts: { vclm_intl: account },
          meaning: 'these keys belong to an international account, and portrait singing needs a domestic one',
          mend: 'Set them as TENCENTCLOUD_INTL_SECRET_ID and _KEY, and a domestic account’s as TENCENTCLOUD_SECRET_ID and _KEY.',
        },
      ]
    : [
        {
          cloud: 'vclm',
          accounts: { vclm: account },
          meaning: 'these keys belong to a domestic account, and image animation needs an international one',
          mend: 'Set an international account’s keys as TENCENTCLOUD_INTL_SECRET_ID and TENCENTCLOUD_INTL_SECRET_KEY.',
        },
      ];
}

/**
 * Where else refused keys may be at home. Keys go to addresses of their own vendor only: where an address was
 * pointed elsewhere, nobody else is asked.
 */
export function otherPlaces(cloud: Cloud, { accounts, site }: Config): OtherPlace[] {
  const { ivh, dashscope } = accounts;
  if (cloud === 'vclm' || cloud === 'vclm_intl') return otherVclm(cloud, accounts);
  if (cloud === 'ivh') {
    const other = site === 'cn' ? 'intl' : 'cn';
    if (!ivh || hostOf(ivh.url) !== hostOf(ivhAddresses[site])) return [];
    return [otherIvhSite(ivh, other, ivhAddresses[other])];
  }
  if (!dashscope || hostOf(dashscope.url) !== beijing) return [];
  return Object.entries(otherRegions).map(([host, region]) =>
    otherDashscopeRegion(dashscope, region, `https://${host}/api/v1`),
  );
}

export function otherIvhSite(
  account: NonNullable<Accounts['ivh']>,
  site: 'cn' | 'intl',
  url: string,
): OtherPlace {
  return {
    cloud: 'ivh',
    accounts: { ivh: { ...account, url } },
    meaning: `these keys belong to the ${site} site`,
    mend: `Set IVH_SITE to ${site}.`,
  };
}

export function otherDashscopeRegion(
  account: NonNullable<Accounts['dashscope']>,
  region: string,
  url: string,
): OtherPlace {
  return {
    cloud: 'dashscope',
    accounts: { dashscope: { ...account, url } },
    meaning: `this key belongs to the region ${region}, and VideoRetalk exists in Beijing only`,
    mend: 'Make a key in the Beijing region of Model Studio and set it as DASHSCOPE_API_KEY.',
  };
}
