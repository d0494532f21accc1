"""Drives the studio with programs that people have: the packages `openai` and `webuiapi`, and curl.

The pictures of OpenAI's interface must equal the files of `pixnerd sample` for the same settings, byte for byte.
"""

import base64
import io
import json
import shutil
import subprocess
import threading
import time

from server import RUN, Skip, Studio, check, expect, main, run

STEPS = 6
PNG = b"\x89PNG\r\n\x1a\n"


def sampled(program, folder, name, *more):
    """The file that `pixnerd sample` writes for a class and a seed, such as ring-seed3.png."""
    out = folder / "sampled"
    if not (out / name).exists():
        kind, seed = name.removesuffix(".png").split("-seed")
        shutil.rmtree(out, ignore_errors=True)
        run(program, folder, "sample", f"checkpoints/{RUN}", "--classes", kind, "--seeds", seed, "--steps", str(STEPS),
            "--threads", "1", "--out", "sampled/", *more)
    return (out / name).read_bytes()


def refused(call, kind, status, *words):
    """The error of OpenAI's package for a call that must be refused."""
    try:
        call()
    except kind as error:
        check(error.status_code == status, f"A call got {error.status_code}, not {status}: {error}")
        for word in words:
            check(word in str(error), f"The error does not say '{word}': {error}")
        check(set(error.body or {}) >= {"message", "type", "param", "code"}, f"The error has the keys {error.body}")
        return error
    check(False, f"A call was not refused with {status}.")


def openai_package(studio, program, folder):
    try:
        import openai
    except ImportError as error:
        raise Skip(f"the package openai cannot be imported ({error})") from None
    client = openai.OpenAI(base_url=studio.url + "/v1", api_key="none", max_retries=0, timeout=60)
    names = [model.id for model in client.models.list()]
    check(RUN in names, f"models.list() gives {names}")

    own = {"seed": 3, "steps": STEPS}
    answer = client.images.generate(model=RUN, prompt="ring", n=2, size="32x32", extra_body=own)
    check(len(answer.data) == 2 and answer.size == "32x32" and answer.output_format == "png" and answer.created > 0,
           f"images.generate gives {answer.model_dump(exclude={'data'})}")
    check(answer.usage.total_tokens == 0 and answer.background == "opaque", f"Its usage is {answer.usage}")
    for seed, image in zip((3, 4), answer.data):
        file = sampled(program, folder, f"ring-seed{seed}.png")
        check(base64.b64decode(image.b64_json) == file, f"The picture of seed {seed} is not the file of `sample`.")
    # The number of a class is the class, several are joined by commas, and every setting is taken.
    answer = client.images.generate(model=f"{RUN}@30:raw", prompt="3, star", size="48x32", response_format="b64_json",
                                    extra_body={**own, "sampler": "dpm", "guidance": 1.5, "shift": 2})
    check(len(answer.data) == 2 and answer.size == "48x32", "Two classes do not give two pictures of 48 x 32.")
    out = folder / "sampled"
    shutil.rmtree(out, ignore_errors=True)
    run(program, folder, "sample", f"checkpoints/{RUN}/step-0000030", "--weights", "raw", "--classes", "ring,star",
        "--seeds", "3", "--steps", str(STEPS), "--sampler", "dpm", "--guidance", "1.5", "--shift", "2", "--size",
        "32x48", "--threads", "1", "--out", "sampled/")
    for name, image in zip(("ring", "star"), answer.data):
        file = (out / f"{name}-seed3.png").read_bytes()
        check(base64.b64decode(image.b64_json) == file, f"{name} of step 30 is not the file of `sample`.")
    shutil.rmtree(out)

    link = client.images.generate(prompt="ring", response_format="url", extra_body=own).data[0].url
    check(studio.ask("GET", link.removeprefix(studio.url)).body.startswith(PNG), f"{link} is no picture.")

    parts = list(client.images.generate(model=RUN, prompt="ring", stream=True, partial_images=2, extra_body=own))
    types = [part.type for part in parts]
    check(types == ["image_generation.partial_image"] * 2 + ["image_generation.completed"], f"A stream gives {types}")
    check([part.partial_image_index for part in parts[:2]] == [0, 1], "The partial pictures are not numbered 0, 1.")
    check(all(base64.b64decode(part.b64_json).startswith(PNG) for part in parts), "A part is no PNG.")
    check(base64.b64decode(parts[2].b64_json) == sampled(program, folder, "ring-seed3.png"),
           "The streamed picture is not the file of `sample`.")
    check(parts[0].b64_json != parts[1].b64_json != parts[2].b64_json, "The partial pictures do not change.")
    check(parts[2].usage.total_tokens == 0 and parts[2].size == "32x32", f"It ends with {parts[2].type} of no size.")

    generate, bad, missing = client.images.generate, openai.BadRequestError, openai.NotFoundError
    error = refused(lambda: generate(prompt="rnig"), bad, 400, "ring")
    check(error.param == "prompt", f"The unknown class names the field {error.param}, not prompt.")
    refused(lambda: generate(prompt="ring", model="nothing"), missing, 404, RUN)
    refused(lambda: generate(prompt="ring", n=11), bad, 400, "10")
    refused(lambda: generate(prompt="ring", size="5000x5000"), bad, 400, "2048")
    refused(lambda: generate(prompt="ring", output_format="tiff"), bad, 400, "png, jpeg or webp")
    refused(lambda: generate(prompt="ring", output_format="webp", response_format="url"), bad, 400, "b64_json")
    for kind, signature in (("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF")):
        sizes = []
        for quality in (10, 95):
            answer = generate(prompt="ring", output_format=kind, output_compression=quality, extra_body=own)
            file = base64.b64decode(answer.data[0].b64_json)
            check(answer.output_format == kind and file.startswith(signature), f"{kind} begins with {file[:8]}")
            sizes.append(len(file))
        check(sizes[0] < sizes[1], f"{kind} of quality 10 and 95 takes {sizes} bytes.")
    return "plain, links, streams and errors; pictures are compared with those of `sample`"


def webui_package(studio):
    try:
        import webuiapi
        from PIL import Image
    except ImportError as error:
        raise Skip(f"the package webuiapi cannot be imported ({error})") from None
    api = webuiapi.WebUIApi(host="127.0.0.1", port=studio.port, sampler="Euler", steps=STEPS)
    samplers = [sampler["name"] for sampler in api.get_samplers()]
    check({"Euler", "Euler a"} <= set(samplers), f"The samplers are {samplers}")
    check("Euler" in api.util_get_sampler_names(), f"util_get_sampler_names gives {api.util_get_sampler_names()}")
    check(set(api.util_get_model_names()) >= {RUN, "other"}, f"The models are {api.util_get_model_names()}")
    model = api.get_sd_models()[0]
    check({"title", "model_name", "hash", "sha256", "filename", "config"} <= set(model),
          f"A model of sd-models has only the keys {sorted(model)}")
    check(api.get_schedulers()[0]["name"] == "automatic", "There is no automatic scheduler.")
    check(api.get_upscalers() == [] and api.get_loras() == [], "Upscalers and loras are not empty lists.")

    api.set_options({"sd_model_checkpoint": "other"})
    check(api.get_options()["sd_model_checkpoint"] == "other", "The options do not keep the model.")
    check(api.util_get_current_model() == "other", "The current model is not the one that was set.")
    api.util_set_model(RUN)
    check(api.get_options()["sd_model_checkpoint"] == RUN, "util_set_model does not set the model.")
    api.util_wait_for_ready(0.1)

    result = api.txt2img(prompt="ring", negative_prompt="", seed=3, width=32, height=48, batch_size=2, cfg_scale=2.5)
    check([image.size for image in result.images] == [(32, 48)] * 2, f"Sizes are {[i.size for i in result.images]}")
    check(result.info["seed"] == 3 and result.info["all_seeds"] == [3, 4], f"info is {result.info}")
    check(len(result.info["infotexts"]) == 2 and "Seed: 3" in result.info["infotexts"][0], "infotexts lack seeds.")
    check((result.info["width"], result.info["height"], result.info["steps"]) == (32, 48, STEPS),
           f"info tells another size or number of steps: {result.info}")
    check(result.parameters["seed"] == 3 and result.parameters["prompt"] == "ring", "parameters is no echo.")
    png = base64.b64decode(result.json["images"][0])
    check(Image.open(io.BytesIO(png)).text["parameters"] == result.info["infotexts"][0],
           "The text chunk `parameters` is not the infotext.")
    info = json.loads(studio.ask("POST", "/sdapi/v1/txt2img", {"prompt": "ring"}).json["info"])
    check((info["width"], info["height"]) == (32, 32) and info["steps"] > 0 and info["cfg_scale"] > 0
          and info["sampler_name"], f"Settings that a request leaves out are told as {info}")
    again = api.txt2img(prompt="ring", seed=3, width=32, height=48, cfg_scale=2.5)
    check(again.images[0].tobytes() == result.images[0].tobytes(), "The same seed gives another picture.")

    # Progress while a long job runs, and its end by an interrupt.
    answers = []
    long = threading.Thread(target=lambda: answers.append(api.txt2img(prompt="ring", seed=3, steps=1000, width=128,
                                                                      height=128, batch_size=8)))
    long.start()
    seen = studio.until("Progress", lambda: next(
        (now for now in [api.get_progress()] if now["progress"] > 0 and now["current_image"]), None), 20)
    check(0 < seen["progress"] < 1 and seen["eta_relative"] > 0 and seen["state"]["sampling_steps"] == 1000
           and seen["state"]["sampling_step"] > 0 and seen["state"]["job_count"] == 1, f"progress is {seen['state']}")
    check(base64.b64decode(seen["current_image"]).startswith(PNG), "current_image is no PNG.")
    quiet = studio.get("/sdapi/v1/progress?skip_current_image=true")
    check(quiet["current_image"] is None, "skip_current_image does not leave the picture out.")
    begun = time.monotonic()
    api.interrupt()
    long.join(20)
    expect(answers, "An interrupt does not end txt2img within 20 seconds.")
    check(answers[0].info.get("interrupted") is True and answers[0].images, "Interrupted, txt2img gives no picture.")
    check(api.get_progress()["progress"] == 0, "After an interrupt there is still progress.")
    return f"an interrupt ended after {time.monotonic() - begun:.1f} s"


def curl(studio, folder):
    """The lines of the README."""
    if shutil.which("curl") is None:
        raise Skip("there is no curl")

    def line(*arguments):
        done = subprocess.run(["curl", "-sS", "--max-time", "30", *arguments], capture_output=True, cwd=folder)
        expect(done.returncode == 0, f"curl {' '.join(arguments)} failed: {done.stderr.decode()}")
        return done.stdout

    kind = ("-H", "Content-Type: application/json")
    images = json.loads(line(studio.url + "/v1/images/generations", *kind, "-d", '{"prompt": "ring", "seed": 1}'))
    check(base64.b64decode(images["data"][0]["b64_json"]).startswith(PNG), "curl gets no picture.")
    images = json.loads(line(studio.url + "/sdapi/v1/txt2img", *kind, "-d", '{"prompt": "star", "steps": 4}'))
    check(base64.b64decode(images["images"][0]).startswith(PNG), "curl gets no picture of txt2img.")
    events = line("-N", studio.url + "/v1/images/generations", *kind, "-d",
                  '{"prompt": "ring", "steps": 4, "stream": true, "partial_images": 1}').decode()
    check(events.count("event: image_generation.") == 2, f"curl gets {events[:200]}")
    job = json.loads(line(studio.url + "/api/jobs", *kind, "-d",
                          json.dumps({"model": RUN, "prompts": ["ring"], "seeds": [0], "trajectory": True})))["job"]
    done = studio.finished(job)
    picture = done["pictures"][0]
    line("-o", "curl.png", f"{studio.url}/api/pictures/{picture}?download=1")
    check((folder / "curl.png").read_bytes().startswith(PNG), "curl downloads no picture.")
    frame = line(f"{studio.url}/api/pictures/{picture}/frames/1")
    check(frame.startswith(PNG) and frame != (folder / "curl.png").read_bytes(), "There is no frame of step 1.")
    return "pictures, a stream, a job with its frames"


def test(program, folder, _):
    with Studio(program, folder) as studio:
        before = studio.memory()
        for part, arguments in ((openai_package, (program, folder)), (webui_package, ()), (curl, (folder,))):
            try:
                print(f"{part.__name__}: {part(studio, *arguments)}", flush=True)
            except Skip as reason:
                print(f"skipped: {part.__name__}: {reason}")
        print(f"memory {before:.0f} MB before, {studio.memory():.0f} MB after")


if __name__ == "__main__":
    main(test, __doc__)
