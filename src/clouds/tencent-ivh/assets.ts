import * as z from 'zod';
import { conforming } from '../exchange.ts';

export const assetKinds = ['voices', 'avatars', 'actions', 'quota'] as const;
export type AssetKind = (typeof assetKinds)[number];

/** One asset, in our names; fields that the cloud left empty are absent. */
export type Asset = Readonly<Record<string, unknown>>;

type Ask = (address: string, payload: unknown) => Promise<unknown>;

const service = '/v2/ivh/crmserver/customerassetservice/';
const pageSize = 100;
/** A page loop that never ends would be the cloud's fault, and our agent's time. */
const mostPages = 50;

/** Avatar families that `getimagebyanchor` lists by type; the small-sample families have a list of their own. */
const premiumTypes = ['real_man_2d', 'real_man_3d', 'half_realistic_3d', 'cartoon_3d'] as const;

const text = z.string().nullish();
const texts = z.array(z.string()).nullish();

const timbre = z.looseObject({
  TimbreKey: z.string(),
  TimbreName: text,
  TimbreSample: text,
  TimbreDesc: text,
  TimbreGender: z.number().nullish(),
  TimbreType: text,
  TimbreLanguages: texts,
  EmotionalCategories: texts,
  ExpireDate: text,
});

const avatar = z.looseObject({
  VirtualmanKey: z.string(),
  AnchorName: text,
  ClothesName: text,
  PoseName: text,
  Resolution: text,
  PoseImage: text,
  VirtualmanTypeCode: text,
  SupportDriverTypes: texts,
  OriginZoom: z.union([z.string(), z.number()]).nullish(),
  OriginZoomStr: text,
  ExpireDate: text,
});

const action = z.looseObject({ ActionCode: z.string(), ActionName: text, ActionSample: text });

function compact(fields: Readonly<Record<string, unknown>>): Asset {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) =>
        value !== undefined &&
        value !== null &&
        value !== '' &&
        !(Array.isArray(value) && value.length === 0),
    ),
  );
}

const genders: Readonly<Record<number, string>> = { 1: 'male', 2: 'female' };

const toVoice = (found: z.output<typeof timbre>): Asset =>
  compact({
    timbre_key: found.TimbreKey,
    name: found.TimbreName,
    gender: genders[found.TimbreGender ?? 0],
    languages: found.TimbreLanguages,
    emotions: found.EmotionalCategories,
    type: found.TimbreType,
    description: found.TimbreDesc,
    sample_url: found.TimbreSample,
    expires: found.ExpireDate,
  });

const toAvatar = (found: z.output<typeof avatar>): Asset =>
  compact({
    virtualman_key: found.VirtualmanKey,
    name: found.AnchorName,
    clothes: found.ClothesName,
    pose: found.PoseName,
    resolution: found.Resolution,
    type: found.VirtualmanTypeCode,
    driver_types: found.SupportDriverTypes,
    origin_zoom: found.OriginZoomStr ?? found.OriginZoom,
    pose_image: found.PoseImage,
    expires: found.ExpireDate,
  });

/**
 * Every entry of a paged list. Whether pages count from 0 or 1 is not documented, so they are read from 1
 * and page 0 is read as well when entries are missing at the end.
 */
async function allPages<S extends z.ZodType>(
  ask: Ask,
  name: string,
  list: string,
  entry: S,
  request: Readonly<Record<string, unknown>> = {},
): Promise<Array<z.output<S>>> {
  const reply = z.looseObject({ Total: z.number().nullish(), [list]: z.array(entry).nullish() });
  const found: Array<z.output<S>> = [];
  const read = async (PageIndex: number) => {
    const payload = await ask(service + name, { ...request, PageIndex, PageSize: pageSize });
    const page = conforming('ivh', reply, payload) as Record<string, unknown>;
    const entries = (page[list] ?? []) as Array<z.output<S>>;
    found.push(...entries);
    return { count: entries.length, total: Number(page.Total ?? 0) };
  };
  for (let index = 1; index <= mostPages; index++) {
    const { count, total } = await read(index);
    if (found.length >= total || count === 0) {
      if (found.length < total) await read(0);
      break;
    }
  }
  return found;
}

const unique = (assets: readonly Asset[], key: string): Asset[] => [
  ...new Map(assets.map((asset) => [asset[key], asset])).values(),
];

async function avatars(ask: Ask): Promise<Asset[]> {
  const lists = await Promise.all([
    allPages(ask, 'describesmallsampleimage', 'Virtualmans', avatar),
    ...premiumTypes.map((VirtualmanTypeCode) =>
      allPages(ask, 'getimagebyanchor', 'Virtualmans', avatar, { VirtualmanTypeCode }),
    ),
  ]);
  return unique(lists.flat().map(toAvatar), 'virtualman_key');
}

/**
 * Lists what an IVH account may use: voices (TimbreKey), avatars of both families (VirtualmanKey), the actions
 * of one avatar, or the purchased quota as the cloud words it.
 * Source: Personal Asset Management API (describetimbre, describesmallsampleimage, getimagebyanchor, getaction,
 * getserviceasset), read 2026-11.
 */
export async function readAssets(ask: Ask, kind: AssetKind, virtualmanKey?: string): Promise<Asset[]> {
  switch (kind) {
    case 'voices':
      return unique(
        (await allPages(ask, 'describetimbre', 'TimbreAssets', timbre)).map(toVoice),
        'timbre_key',
      );
    case 'avatars':
      return avatars(ask);
    case 'actions': {
      const reply = await ask(`${service}getaction`, { VirtualmanKey: virtualmanKey });
      const { Actions: found } = conforming(
        'ivh',
        z.looseObject({ Actions: z.array(action).nullish() }),
        reply,
      );
      return (found ?? []).map(({ ActionCode, ActionName, ActionSample }) =>
        compact({ code: ActionCode, name: ActionName, sample_url: ActionSample }),
      );
    }
    case 'quota':
      return allPages(ask, 'getserviceasset', 'ServiceAssetInfos', z.record(z.string(), z.unknown()));
  }
}
