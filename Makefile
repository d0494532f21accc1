# The two commands of a newcomer: `make quickstart` and `make test`. `make help` lists the rest.

# With Swift's own libraries inside, so that the program runs on hosts without Swift.
BUILD := swift build -c release --static-swift-stdlib --product
PIXNERD := .build/release/pixnerd
SHAPES := datasets/shapes
RUN := checkpoints/shapes
SAMPLES := $(RUN)/samples
# More options of the quickstart's training, such as --set training.steps=100.
OPTIONS :=

.PHONY: help quickstart studio compare-shapes build packages test check lint format docs release fixtures bench bench-peers clean

help:
	@echo "make quickstart   build, make a small data set, train on it, sample at three sizes"
	@echo "make compare-shapes  train and measure pixels and latents on that data set, for a page that shows both"
	@echo "make build        build .build/release/pixnerd"
	@echo "make studio       build the studio, too, and start it: a web page to sample and train"
	@echo "make test         run all tests, optimised"
	@echo "make check        run everything that continuous integration checks; PARTS=\"words docs\" runs some of it"
	@echo "make lint         check the format"
	@echo "make format       format the sources"
	@echo "make docs         build the documentation of the library, .build/PixNerdKit.doccarchive"
	@echo "make release      make an archive with the program and its libraries, and try it in an empty root"
	@echo "make bench        measure the speed against this machine's limit"
	@echo "make bench-peers  measure it in turn with PyTorch; PICTURES=FOLDER also the loader with Pillow"
	@echo "make fixtures     let PyTorch and Pillow write the test fixtures anew"
	@echo "make clean        remove what was built"

quickstart: build
	@$(PIXNERD) info && echo
	@test -d $(SHAPES) || $(PIXNERD) dataset shapes --out $(SHAPES)
	@resume=; test ! -d $(RUN) || resume=--resume; $(PIXNERD) train configs/shapes.yaml $$resume $(OPTIONS)
	@for size in 32 48 64; do \
		$(PIXNERD) sample $(RUN) --size $$size --out $(SAMPLES)/$${size}x$$size.png --overwrite || exit 1; \
	done
	@echo
	@echo "Pictures at three sizes are in $(SAMPLES)/; how the run went is in $(RUN)/previews/ and metrics.jsonl."

# Pictures that no pipeline is trained on, from another seed.
compare-shapes: build
	@test -d $(SHAPES) || $(PIXNERD) dataset shapes --out $(SHAPES)
	@test -d $(SHAPES)-held-out || $(PIXNERD) dataset shapes --out $(SHAPES)-held-out --seed 1 --per-class 100
	@$(PIXNERD) compare configs/compare-shapes.yaml

build: packages
	@$(BUILD) pixnerd

studio: build
	@$(BUILD) pixnerd-studio
	@$(PIXNERD) studio

packages:
	@scripts/prepare.sh

test: packages
	swift test -c release
	@Tests/two_hosts.sh || test $$? = 77

check: packages
	@scripts/check.sh $(PARTS)

lint:
	@scripts/check.sh format

format:
	swift format --in-place --parallel --recursive Sources Tests Snippets Package.swift
	@test ! -f .clang-format || ! command -v clang-format > /dev/null || \
		git ls-files 'Sources/*.c' 'Sources/*.h' | xargs clang-format -i

docs: packages
	@scripts/docs.sh

release: packages
	@scripts/release.sh

VENV := .venv
$(VENV)/requirements.txt: Tests/Fixtures/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement $<
	cp $< $@

fixtures: $(VENV)/requirements.txt
	$(VENV)/bin/python Tests/Fixtures/make_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_image_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_stored_picture_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_dataset_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_torch_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_autoencoder_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_npz_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_dinov2_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_evaluation_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_memorised_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_inception_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_perceptual_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_dit_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_tokenizer_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_text_operator_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_t5_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_text_denoiser_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_minit2i_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_recipe_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_condition_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_edge_fixtures.py
	$(VENV)/bin/python Tests/Fixtures/make_control_fixtures.py

bench: build
	@$(PIXNERD) bench

bench-peers: build $(VENV)/requirements.txt
	@$(VENV)/bin/python Benchmarks/compare_peers.py $(if $(PICTURES),--loader $(PICTURES))

clean:
	rm -rf .build $(VENV)
