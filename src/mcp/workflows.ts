/** Checked arguments of a prompt; those that were left out are undefined. */
export type Given = Readonly<Record<string, string | undefined>>;

export interface PromptArgument {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly required?: boolean;
  /** Characters; more are refused. */
  readonly limit: number;
}

interface Scene {
  readonly given: Given;
  /** Submit tools that may be used, best first; one when the user chose. */
  readonly tools: readonly string[];
  /** Every tool that is listed here. */
  readonly listed: readonly string[];
  /** To give with the submission. */
  readonly key: string;
}

/** Something that people want made, and how an agent makes it with these tools. */
export interface Workflow {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly goal: string;
  /** Submit tools that can do it, best first. */
  readonly tools: readonly string[];
  readonly arguments: readonly PromptArgument[];
  steps(scene: Scene): readonly string[];
}

const file = (name: string, title: string, description: string, required = false): PromptArgument => ({
  name,
  title,
  description,
  required,
  limit: 4096,
});
const recording = file('recording', 'Recording', 'Path or address of the recording to be spoken.');
const words: PromptArgument = {
  name: 'words',
  title: 'Words',
  description: 'What is to be said, where there is no recording.',
  limit: 4000,
};
const voice: PromptArgument = {
  name: 'voice',
  title: 'Voice',
  description: 'timbre_key of a voice; list_assets tells which the account has.',
  limit: 128,
};
const language: PromptArgument = {
  name: 'language',
  title: 'Language',
  description: 'Language of the words, such as en-US.',
  limit: 40,
};
const tool: PromptArgument = {
  name: 'tool',
  title: 'Tool',
  description: 'Submit tool to use; left out, the agent chooses.',
  limit: 64,
};

/** From a valid input to files on disk; alike for everything that is made. */
function untilDownloaded(key: string): string[] {
  return [
    'Call it with dry_run true. Mend every problem that it names, and tell the user every warning.',
    'Tell the user what the estimate says (billed seconds, waiting time) and what will be submitted; go on when they agree.',
    `Submit the same input without dry_run, with idempotency_key "${key}". If the call fails or times out, repeat it with the same key: that never pays twice. Take another key only when the user wants to pay for another take.`,
    'Call get_progress with wait_seconds 45, again and again, until the job has ended. Never submit again while it is under way. When it has failed or its outcome is unknown, tell the user its failure and advice, and do only what they say.',
    'Call download_result, and tell the user the paths that it gives, or the links where it stores no files: they expire.',
  ];
}

const checkFiles = (names: readonly string[]) =>
  `Call check_media for ${names.join(' and for ')}. Where no tool accepts a file, tell the user why and stop.`;

const askForMissing = (what: string) =>
  `Nothing says ${what}: ask the user before anything else. Do not make it up.`;

/** How to come to a voice for spoken words. */
function chooseVoice({ given, listed }: Scene): string {
  if (given.voice !== undefined) return 'Use the voice as timbre_key.';
  const spoken = given.language === undefined ? 'the language of the words' : 'the language';
  return listed.includes('list_assets')
    ? `Call list_assets with kind "voices" and choose one that speaks ${spoken}; where its languages are several, set timbre_language.`
    : `Ask the user for the timbre_key of a voice that speaks ${spoken}.`;
}

/** Tools that take a recording only. */
const recordingOnly = new Set(['submit_portrait_sing', 'video_retalk']);

/** What to do so that a tool has something to say: a recording, or words with a voice. */
function speech(scene: Scene): string[] {
  const { given, tools, listed } = scene;
  if (given.recording !== undefined) return [];
  if (given.words === undefined) return [askForMissing('what is to be said (a recording, or words)')];
  if (tools.some((name) => !recordingOnly.has(name))) return [chooseVoice(scene)];
  return listed.includes('synthesize_speech')
    ? [
        chooseVoice(scene),
        'The tool takes recordings only: first make one of the words with synthesize_speech (dry_run, idempotency_key, get_progress as below), and use the url of its result.',
      ]
    : [
        'The tool takes recordings only, and nothing here can speak words: ask the user for a recording of them.',
      ];
}

function choose({ given, tools }: Scene, driven: string): string {
  const fit =
    given.recording === undefined && given.words !== undefined
      ? tools.filter((name) => !recordingOnly.has(name))
      : tools;
  const [best = '', ...others] = fit.length > 0 ? fit : tools;
  const why =
    others.length > 0 ? `, unless check_media or the dry run speaks for ${others.join(' or ')}` : '';
  return `Use ${best}${why}. ${driven}`;
}

const filesOf = (given: Given, names: readonly string[]) => names.filter((name) => given[name] !== undefined);

const talkingPhoto: Workflow = {
  name: 'talking_photo',
  title: 'Talking photo',
  description: 'Makes the person in a photo speak a recording or written words.',
  goal: 'Make a video in which the person in a photo speaks.',
  tools: ['photo_to_video', 'submit_portrait_sing'],
  arguments: [
    file('photo', 'Photo', 'Path or address of the photo: one face, frontal, uncovered.', true),
    words,
    recording,
    language,
    voice,
    tool,
  ],
  steps: (scene) => [
    checkFiles(filesOf(scene.given, ['photo', 'recording'])),
    ...speech(scene),
    choose(
      scene,
      'photo_to_video: ref_photo_url, and driver_type OriginalVoice with input_audio_url, or Text with input_ssml and speech_param. submit_portrait_sing: image_url and audio_url.',
    ),
    ...untilDownloaded(scene.key),
  ],
};

const narratedSlides: Workflow = {
  name: 'narrated_slides',
  title: 'Narrated slides',
  description: 'Makes a video of slides that are explained page by page.',
  goal: 'Make a video of slides that are narrated page by page.',
  tools: ['make_ppt_video'],
  arguments: [
    file('slides', 'Slides', 'Path or address of a ppt, pptx or pdf file of at most 50 pages.', true),
    {
      name: 'narration',
      title: 'Narration',
      description:
        'What is to be said, the pages in order with || between them; left out, the agent drafts it.',
      limit: 20_000,
    },
    language,
    voice,
    {
      name: 'avatar',
      title: 'Avatar',
      description:
        'virtualman_key of an avatar that stands before the slides; left out, there is a voice only.',
      limit: 128,
    },
  ],
  steps: (scene) => [
    checkFiles(['slides']),
    scene.given.narration === undefined
      ? 'Draft one short text a page from what the user told you and from the slides, as far as you can read them; show all of them to the user and go on only with their consent. Do not make up figures.'
      : 'Split the narration at || into one text a page, in order. If there are more texts than pages, or fewer, ask the user.',
    chooseVoice(scene),
    `Use make_ppt_video: ppt_file_url; global_config.speech_param with the voice; page_configs with one entry a page, its text as input_ssml on one line${scene.given.avatar === undefined ? '' : ', and the avatar as virtualman_key in every entry'}. An account makes one of these at a time: others wait.`,
    ...untilDownloaded(scene.key),
  ],
};

const dubClip: Workflow = {
  name: 'dub_clip',
  title: 'Dubbed clip',
  description: 'Gives the person in a clip new words, with lips that follow.',
  goal: 'Give the person in a video clip new words, with lips that follow them.',
  tools: ['video_retalk', 'video_to_video'],
  arguments: [
    file('clip', 'Clip', 'Path or address of the clip: one person, face in view throughout.', true),
    recording,
    words,
    language,
    voice,
    tool,
  ],
  steps: (scene) => [
    checkFiles(filesOf(scene.given, ['clip', 'recording'])),
    ...speech(scene),
    choose(
      scene,
      'video_retalk: video_url and audio_url; with video_extension true where the recording is longer than the clip. video_to_video: ref_video_url, and driver_type OriginalVoice with input_audio_url, or Text with input_ssml and speech_param.',
    ),
    ...untilDownloaded(scene.key),
  ],
};

/** Every workflow that is offered as a prompt. */
export const workflows: readonly Workflow[] = [talkingPhoto, narratedSlides, dubClip];
