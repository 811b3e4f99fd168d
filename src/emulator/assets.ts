import {
  type Anchor,
  actions,
  anchorOf,
  anchors,
  type Avatar,
  avatars,
  findAvatar,
  services,
  type Timbre,
  timbres,
} from './catalogue.ts';
import { CloudError } from './cloud-error.ts';
import { isRecord, parameterError } from './ivh-request.ts';

/*
 * The personal asset API: what the account owns. Fields as in upstream facts 3.4; what a page leaves open
 * (the base of PageIndex, the codes of refusals) is chosen here and said so.
 */

/** Appendix 3 of the asset API. */
const typeCodes = [
  'real_man_2d',
  'real_man_3d',
  'half_realistic_3d',
  'cartoon_3d',
  'small_sample_2d',
  'small_sample_general_2d',
  'small_sample_4k_2d',
  'small_sample_photo_2d',
];
const driverTypes = ['Text', 'OriginalVoice', 'ModulatedVoice'];
const largestPage = 100;

/** Addresses of pictures and samples, by what they are of. */
export interface AssetLinks {
  pose(key: string): string;
  voice(key: string): string;
}

type Request = Readonly<Record<string, unknown>>;

function whole(request: Request, name: string): number {
  const value = request[name];
  if (value === undefined || value === null) throw parameterError(`${name} is required`);
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw parameterError(`${name} type invalid, expected integer`);
  return value;
}

function text(request: Request, name: string): string | undefined {
  const value = request[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw parameterError(`${name} type invalid, expected string`);
  return value;
}

function texts(request: Request, name: string): readonly string[] | undefined {
  const value = request[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.some((each) => typeof each !== 'string'))
    throw parameterError(`${name} type invalid, expected array of string`);
  return value.length > 0 ? (value as string[]) : undefined;
}

/** A code of the documented list; anything else is a wrong value. */
function oneOf(request: Request, name: string, allowed: readonly string[]): string | undefined {
  const value = text(request, name);
  if (value !== undefined && !allowed.includes(value))
    throw new CloudError(
      '100002',
      `InvalidParameterValue:${name} value invalid, allowed:${allowed.join(',')}`,
    );
  return value;
}

function typeCode(request: Request): string {
  const value = oneOf(request, 'VirtualmanTypeCode', typeCodes);
  if (value === undefined) throw parameterError('VirtualmanTypeCode is required');
  return value;
}

/** One page. The first is 1, which no page of the documents says; 0 is taken for the first page too. */
function paged<T>(request: Request, all: readonly T[]): readonly T[] {
  const [index, size] = [whole(request, 'PageIndex'), whole(request, 'PageSize')];
  const wrong = (name: string, range: string) =>
    new CloudError('100002', `InvalidParameterValue:${name} value invalid, ranges:${range}`);
  if (index < 0) throw wrong('PageIndex', '0-');
  if (size < 1 || size > largestPage) throw wrong('PageSize', `1-${largestPage}`);
  const start = (Math.max(1, index) - 1) * size;
  return all.slice(start, start + size);
}

const isSmallSample = (anchor: Anchor) => anchor.typeCode.startsWith('small_sample');

function anchorFields({ name, code, type, typeCode: kind }: Anchor) {
  return { AnchorName: name, AnchorCode: code, VirtualmanType: type, VirtualmanTypeCode: kind };
}

function pictures(avatar: Avatar, links: AssetLinks) {
  const pose = links.pose(avatar.key);
  return {
    ClothesName: avatar.clothes,
    PoseName: avatar.pose,
    Resolution: `${avatar.width}x${avatar.height}`,
    HeaderImage: pose,
    PoseImage: pose,
    ClothesImage: pose,
    SupportDriverTypes: driverTypes,
    VideoDuration: avatar.clipMs,
    VideoNum: avatar.clipMs > 0 ? 1 : 0,
    ExpireDate: avatar.expires,
    ReferenceVideoSegmentUrl: '',
  };
}

/** Premium avatars or small samples: an account can hold both, and each has a list of its own (FAQ). */
function ownAvatars(request: Request, smallSample: boolean): readonly Avatar[] {
  const codes = texts(request, 'AnchorCodes');
  const key = text(request, 'VirtualmanKey');
  return avatars.filter((avatar) => {
    const anchor = anchorOf(avatar);
    if (isSmallSample(anchor) !== smallSample) return false;
    return (!codes || codes.includes(anchor.code)) && (key === undefined || key === avatar.key);
  });
}

const purchaseOf = (request: Request) => oneOf(request, 'PurchaseType', ['Lease', 'Custom']);

function getAnchor(request: Request, links: AssetLinks) {
  const [type, codes, purchase] = [typeCode(request), texts(request, 'AnchorCodes'), purchaseOf(request)];
  const found = anchors.filter(
    (anchor) =>
      anchor.typeCode === type &&
      !isSmallSample(anchor) &&
      (!codes || codes.includes(anchor.code)) &&
      (purchase === undefined || purchase === anchor.purchase),
  );
  const virtualmans = paged(request, found).map((anchor) => ({
    ...anchorFields(anchor),
    PurchaseType: anchor.purchase,
    HeaderImage: links.pose(avatars.find(({ anchorCode }) => anchorCode === anchor.code)?.key ?? ''),
    Tag: anchor.tag,
    Gender: anchor.gender,
  }));
  return { Virtualmans: virtualmans, Total: found.length };
}

function getImageByAnchor(request: Request, links: AssetLinks) {
  const [type, purchase] = [typeCode(request), purchaseOf(request)];
  const found = ownAvatars(request, false).filter((avatar) => {
    const anchor = anchorOf(avatar);
    return anchor.typeCode === type && (purchase === undefined || purchase === anchor.purchase);
  });
  const virtualmans = paged(request, found).map((avatar) => ({
    ...anchorFields(anchorOf(avatar)),
    VirtualmanKey: avatar.key,
    ...pictures(avatar, links),
    SupportAnchorExtraParams: anchorOf(avatar).typeCode.endsWith('3d') ? ['shirtColor', 'shoeColor'] : [],
    OriginZoom: avatar.originZoom.toFixed(3),
  }));
  return { Virtualmans: virtualmans, Total: found.length };
}

function smallSamples(request: Request, links: AssetLinks) {
  const found = ownAvatars(request, true);
  const effective = '2024-06-01';
  const virtualmans = paged(request, found).map((avatar) => ({
    VirtualmanKey: avatar.key,
    AnchorName: anchorOf(avatar).name,
    AnchorCode: avatar.anchorCode,
    BackgroundChangeable: avatar.cutOut,
    ...pictures(avatar, links),
    EffectiveDate: effective,
    EffectiveTime: Date.parse(effective),
    ExpireTime: Date.parse(avatar.expires),
    OriginZoom: avatar.originZoom,
    OriginZoomStr: avatar.originZoom.toFixed(3),
  }));
  return { Virtualmans: virtualmans, Total: found.length };
}

function timbreFields(timbre: Timbre, links: AssetLinks) {
  return {
    TimbreKey: timbre.key,
    TimbreName: timbre.name,
    TimbreSample: links.voice(timbre.key),
    TimbreDesc: timbre.description,
    SupportVirtualmanTypeCodes: typeCodes,
    SupportDriverTypes: driverTypes,
    ExpireDate: timbre.expires,
    AudioDuration: 0,
    AudioNum: 0,
    EmotionalCategories: timbre.emotions,
    TimbreGender: timbre.gender,
    PurchaseType: timbre.purchase,
    TimbreType: timbre.type,
    TimbreLanguages: timbre.languages,
  };
}

function describeTimbre(request: Request, links: AssetLinks) {
  const [key, name] = [text(request, 'TimbreKey'), text(request, 'TimbreName')];
  const keys = texts(request, 'TimbreKeyList') ?? (key === undefined ? undefined : [key]);
  const purchase = purchaseOf(request);
  const found = timbres.filter(
    (timbre) =>
      (!keys || keys.includes(timbre.key)) &&
      (name === undefined || timbre.name.includes(name)) &&
      (purchase === undefined || purchase === timbre.purchase),
  );
  const page = paged(request, found).map((timbre) => timbreFields(timbre, links));
  return { TimbreAssets: page, Total: found.length };
}

function getAction(request: Request) {
  const key = text(request, 'VirtualmanKey');
  if (key === undefined) throw parameterError('VirtualmanKey is required');
  const avatar = findAvatar(key);
  if (!avatar) throw new CloudError('100016', `ResourceNotFound:there is no avatar ${key}`);
  const own = anchorOf(avatar).typeCode.endsWith('3d') ? actions : [];
  return { Actions: own.map(({ code, name }) => ({ ActionName: name, ActionCode: code, ActionSample: '' })) };
}

function serviceAssets(request: Request) {
  const type = text(request, 'ServiceType');
  const found = services.filter(({ ServiceType }) => type === undefined || ServiceType === type);
  return { ServiceAssetInfos: paged(request, found), Total: found.length };
}

const calls: Readonly<Record<string, (request: Request, links: AssetLinks) => unknown>> = {
  getanchor: getAnchor,
  getimagebyanchor: getImageByAnchor,
  describesmallsampleimage: smallSamples,
  describetimbre: describeTimbre,
  getaction: getAction,
  getserviceasset: serviceAssets,
};

export const assetPrefix = '/v2/ivh/crmserver/customerassetservice/';

export function isAssetCall(path: string): boolean {
  return path.startsWith(assetPrefix) && Object.hasOwn(calls, path.slice(assetPrefix.length));
}

/**
 * Answers one call of the asset API with its payload.
 * @throws CloudError 100001 for a missing or mistyped field, 100002 for a wrong value, 100016
 */
export function answerAssets(path: string, request: unknown, links: AssetLinks): unknown {
  const call = calls[path.slice(assetPrefix.length)];
  if (!call || !isRecord(request)) throw parameterError('Payload is required');
  return call(request, links);
}
