"""Changes and fills pictures through the studio, as clients do: forms by the package `openai`, `webuiapi`, and plain JSON.

What stays must be the picture's own pixels, and all must equal the files of `pixnerd sample` for the same settings.
"""

import base64
import io
import json
import shutil

from server import RUN, Skip, Studio, check, expect, main, run

STEPS = 6
try:
    from PIL import Image
except ImportError:
    Image = None


def png(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def filled(file, picture, edge=16):
    """Whether the left part of a PNG file is that of a picture, and the right part is not."""
    image = Image.open(io.BytesIO(file)).convert("RGB")
    left, right = (0, 0, edge, 32), (edge, 0, 32, 32)
    return (image.crop(left).tobytes() == picture.crop(left).tobytes()
            and image.crop(right).tobytes() != picture.crop(right).tobytes())


def sampled(program, folder, *more):
    shutil.rmtree(folder / "edited", ignore_errors=True)
    run(program, folder, "sample", f"checkpoints/{RUN}", "--classes", "ring", "--seeds", "3", "--steps", str(STEPS),
        "--from-image", "picture.png", "--threads", "1", "--out", "edited/", *more)
    return (folder / "edited/ring-seed3.png").read_bytes()


def refused(studio, path, body, *words):
    answer = studio.ask("POST", path, body)
    check(answer.status == 400, f"{path} gets {answer.status} for {str(body)[:100]}")
    message = answer.json["error"]["message"]
    for word in words:
        check(word in message, f"{path} says '{message}', without '{word}'.")
    check("/.studio" not in message, f"{path} tells a path: {message}")


def own(studio, program, folder, picture):
    def put(data):
        return studio.ask("POST", "/api/inputs", {"data": base64.b64encode(data).decode()}).json["id"]

    name = put(png(picture))
    check(put(png(picture)) == name, "The same picture has two names.")
    check(studio.ask("GET", f"/api/inputs/{name}").body == png(picture), "A picture does not come back.")
    mask = put((folder / "mask.png").read_bytes())
    wish = {"model": RUN, "prompts": ["ring"], "seeds": [3], "steps": STEPS, "image": name}

    def made(**more):
        job = studio.finished(studio.ask("POST", "/api/jobs", {**wish, **more}).json["job"])
        expect(job["state"] == "done", f"A job ended with {job}")
        return Image.open(io.BytesIO(studio.ask("GET", f"/api/pictures/{job['pictures'][0]}").body)).convert("RGB")

    check(made(strength=0).tobytes() == picture.tobytes(), "Strength 0 does not give the picture back.")
    check(filled(png(made(mask=mask)), picture), "A mask does not keep what is black.")
    check(filled(png(made(mask=mask, resample=1)), picture), "Repeated steps do not keep what is black.")
    file = sampled(program, folder, "--strength", "0.5")
    check(made(strength=0.5).tobytes() == Image.open(io.BytesIO(file)).tobytes(), "It is not the file of `sample`.")
    plain = made(image=None)
    check(made(image=None, variation_seed=9, variation_strength=0).tobytes() == plain.tobytes(), "0 varies a picture.")
    check(made(image=None, variation_seed=9, variation_strength=0.3).tobytes() != plain.tobytes(), "0.3 does not vary.")

    small = put(png(picture.resize((16, 16))))
    for more, words in (
            ({"image": "0" * 32}, ("image", "/api/inputs")), ({"image": "../picture.png"}, ("image",)),
            ({"image": None, "mask": mask}, ("mask", "image")), ({"strength": 2}, ("strength is 2",)),
            ({"mask": small}, ("mask has 16", "expected 32")), ({"mask": mask, "mask_kind": "red"}, ("mask_kind",)),
            ({"mask": mask, "resample": 99}, ("resample is 99",)),
            ({"image": None, "variation_strength": 0.5}, ("variation_seed",))):
        refused(studio, "/api/jobs", {**wish, **more}, *words)
    for data in ("", "!!!", base64.b64encode(b"text").decode(), "http://127.0.0.1/x.png"):
        refused(studio, "/api/inputs", {"data": data}, "data")
    # A picture of 2^30 pixels in some bytes, which must be refused by its header.
    bomb = bytearray(png(picture))
    bomb[16:24] = (32768).to_bytes(4, "big") * 2
    refused(studio, "/api/inputs", {"data": base64.b64encode(bomb).decode()}, "data")
    return "pictures, masks and variations by the page's interface"


def openai_package(studio, program, folder, picture):
    try:
        import openai
    except ImportError as error:
        raise Skip(f"the package openai cannot be imported ({error})") from None
    client = openai.OpenAI(base_url=studio.url + "/v1", api_key="none", max_retries=0, timeout=60)
    more = {"seed": 3, "steps": STEPS}
    holed = picture.convert("RGBA")
    holed.paste((0, 0, 0, 0), (16, 0, 32, 32))
    answer = client.images.edit(model=RUN, image=png(picture), prompt="ring", mask=png(holed), extra_body=more)
    file = base64.b64decode(answer.data[0].b64_json)
    check(filled(file, picture), "images.edit does not keep what the mask leaves opaque.")
    check(file == sampled(program, folder, "--mask", "mask.png"), "The picture is not the file of `sample`.")
    answer = client.images.edit(model=RUN, image=[png(holed)], prompt="ring", n=2, extra_body=more)
    check(len(answer.data) == 2 and filled(base64.b64decode(answer.data[0].b64_json), holed.convert("RGB")),
          "A picture with a hole is not filled there.")
    answer = client.images.edit(model=RUN, image=png(picture), prompt="ring", extra_body={**more, "strength": 0.5})
    check(base64.b64decode(answer.data[0].b64_json) == sampled(program, folder, "--strength", "0.5"),
          "Without a mask, the picture is not the file of `sample`.")
    parts = list(client.images.edit(model=RUN, image=png(picture), mask=png(holed), prompt="ring", stream=True,
                                    partial_images=1, extra_body=more))
    check([part.type for part in parts] == ["image_edit.partial_image", "image_edit.completed"],
          f"A stream gives {[part.type for part in parts]}")
    for arguments in ({"image": b"text", "prompt": "ring"}, {"image": png(picture), "prompt": "rnig"},
                      {"image": png(picture), "mask": png(holed.resize((16, 16))), "prompt": "ring"}):
        try:
            client.images.edit(model=RUN, **arguments)
            check(False, f"images.edit takes {str(arguments)[:80]}")
        except openai.BadRequestError as error:
            check(error.body["message"] and "/.studio" not in error.body["message"], f"images.edit says {error.body}")
    return "masks, holes, image to image, a stream"


def webui_package(studio, program, folder, picture):
    try:
        import webuiapi
    except ImportError as error:
        raise Skip(f"the package webuiapi cannot be imported ({error})") from None
    api = webuiapi.WebUIApi(host="127.0.0.1", port=studio.port, sampler="Euler", steps=STEPS)
    api.util_set_model(RUN)
    wish = {"prompt": "ring", "seed": 3, "width": 32, "height": 32, "images": [picture], "cfg_scale": 2}
    mask = Image.open(folder / "mask.png")
    result = api.img2img(**wish, denoising_strength=1, mask_image=mask)
    check(filled(png(result.images[0]), picture), "img2img does not keep what the mask leaves black.")
    result = api.img2img(**wish, denoising_strength=1, mask_image=Image.eval(mask, lambda level: 255 - level),
                         inpainting_mask_invert=1)
    check(filled(png(result.images[0]), picture), "img2img does not keep what the inverted mask leaves white.")
    result = api.img2img(**wish, denoising_strength=0)
    check(result.images[0].convert("RGB").tobytes() == picture.tobytes(), "Strength 0 does not give the picture back.")
    plain = api.txt2img(prompt="ring", seed=3, width=32, height=32)
    varied = api.txt2img(prompt="ring", seed=3, width=32, height=32, subseed=5, subseed_strength=0.4)
    check(plain.image.tobytes() != varied.image.tobytes(), "subseed_strength does not vary a picture.")
    return "img2img with masks, variations"


def forms(studio, picture):
    """Forms that are broken: refused, and the server goes on."""
    edge = "x" * 20
    head = f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'.encode()
    whole = head + png(picture) + (
        f'\r\n--{edge}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nring\r\n'
        f'--{edge}\r\nContent-Disposition: form-data; name="steps"\r\n\r\n2\r\n--{edge}--\r\n').encode()

    def ask(body, kind=f"multipart/form-data; boundary={edge}"):
        import urllib.error
        import urllib.request
        wish = urllib.request.Request(studio.url + "/v1/images/edits", body, {"Content-Type": kind})
        try:
            with urllib.request.urlopen(wish, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            check("message" in json.loads(error.read())["error"], f"{error.code} has no message")
            return error.code

    check(ask(whole) == 200, "A whole form is refused.")
    for cut in [*range(0, 200, 7), len(head), len(head) + 50, len(whole) - 60, len(whole) - 20]:
        check(ask(whole[:cut]) == 400, f"A form that is cut at {cut} is not refused.")
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'y' * 99}",
                 "multipart/form-data; boundary=other"):
        check(ask(whole, kind) == 400, f"A form of type {kind} is not refused.")
    check(ask(whole, "application/json") == 415, "JSON is taken as a form.")
    check(ask(whole.replace(b'name="prompt"', b'name="image"')) == 400, "Two images are taken.")
    check(ask(head * 100) == 400, "A form of 100 fields is taken.")
    return "broken forms are refused"


def test(program, folder, _):
    if Image is None:
        raise Skip("the package pillow cannot be imported")
    run(program, folder, "sample", f"checkpoints/{RUN}", "--classes", "star", "--seeds", "1", "--threads", "1", "--out",
        "source/")
    shutil.copy(folder / "source/star-seed1.png", folder / "picture.png")
    picture = Image.open(folder / "picture.png").convert("RGB")
    mask = Image.new("L", (32, 32), 0)
    mask.paste(255, (16, 0, 32, 32))
    (folder / "mask.png").write_bytes(png(mask))
    with Studio(program, folder) as studio:
        for part, arguments in ((own, (program, folder, picture)), (openai_package, (program, folder, picture)),
                                (webui_package, (program, folder, picture)), (forms, (picture,))):
            try:
                print(f"{part.__name__}: {part(studio, *arguments)}", flush=True)
            except Skip as reason:
                print(f"skipped: {part.__name__}: {reason}")


if __name__ == "__main__":
    main(test, __doc__)
