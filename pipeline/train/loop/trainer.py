"""The training loop, the only one.

    dvc repro train                          # as a stage, with params.yaml
    python -m stages.train                   # the same without DVC

A step shows the discriminator one batch of real and one of generated images, then moves the generator; recipes may ask for
several steps of either. Progress is counted in kimg, thousands of real images shown. The order of images and all noise are
functions of (seed, images seen), so a position in the run is one number, and a run that was cut off goes on from its last
checkpoint as if nothing had been.
"""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from pipeline.errors import UserError
from pipeline.train import processes
from pipeline.train.dataset import Dataset
from pipeline.train.diffaugment import Adaptive
from pipeline.train.loop import checkpoint, fast, fitting, optimizers
from pipeline.train.loop.checkpoint import Saved
from pipeline.train.loop.panel import Fixed
from pipeline.train.loop.phases import Phases, Said
from pipeline.train.loop.settings import Aids, Score, Settings, Trained
from pipeline.train.loop.shown import Deck, Shown
from pipeline.train.loop.state import State
from pipeline.train.loop.sums import Sums
from pipeline.train.loop.tick import Tick, Watcher
from pipeline.train.networks.dressing import initialised, spectral
from pipeline.train.networks.synchronised import synchronised
from pipeline.train.processes import Ranks
from pipeline.train.recipes.recipe import Recipe, Steps

__all__ = ["Running", "train"]

SHARED = ("adversarial", "classes")  # terms of both losses
ADAPT_EVERY = 4  # steps between two looks at how far the discriminator overfits


def train(
    dataset: Dataset,
    recipe: Recipe,
    settings: Settings,
    device: torch.device,
    watch: Watcher,
    *,
    holdout: Dataset | None = None,
    state: Path | None = None,
    aids: Aids = Aids(),  # noqa: B008  frozen
    ranks: Ranks | None = None,
    on_step: Callable[[float], object] = lambda kimg: None,
) -> Trained:
    """Train for settings.kimg. `watch` is told at the start and settings.ticks times after it, `on_step` every step.

    With a `state` folder the run goes on from the newest checkpoint there, and leaves its own. On a CPU the same dataset, recipe and
    settings give the same weights, bit for bit, on one kind of machine, however often the run was cut off. Raises UserError for a
    dataset that the recipe cannot learn from.
    """
    fitting.check(dataset, recipe)
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(device.type == "cpu")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs 5 %; nothing reads such memory
    torch.set_float32_matmul_precision("high" if device.type == "cuda" else "highest")  # TF32 where a GPU has it
    run = Running(dataset, recipe, settings, device, aids, ranks or Ranks(0, 1, device))
    fixed = Fixed.of(dataset, holdout, recipe, settings.seed)
    past = run.resume(state)
    if settings.fast:
        run.compile()
    watch.begin(fixed.panel(recipe), past)
    if past == 0:
        watch(Tick(0.0, {}, fixed.samples(run.state.average, run.device, run.dtype)))
    on_step(run.state.kimg)
    while run.state.seen < settings.kimg * 1000:
        before = run.state.seen
        run.step()
        on_step((run.state.seen - before) / 1000)
        if settings.best_kimg and aids.score and run.passed(before, settings.best_kimg):
            run.score(aids.score, state)
        if run.passed(before, settings.kimg / settings.ticks) or run.state.seen >= settings.kimg * 1000:
            watch(Tick(run.state.kimg, run.scalars(), fixed.samples(run.state.average, run.device, run.dtype)))
            run.keep(state)
    return run.trained(state)


class Running:
    """A run under way."""

    def __init__(self, dataset: Dataset, recipe: Recipe, settings: Settings, device: torch.device, aids: Aids, ranks: Ranks) -> None:
        self.recipe, self.settings, self.device, self.ranks = recipe, settings, device, ranks
        self.dtype = torch.float64 if settings.precision == "fp64" else torch.float32
        torch.manual_seed(settings.seed)
        generator, discriminator, self.network = recipe.built(dataset.shape)
        generator, discriminator = (self._dressed(network) for network in (generator, discriminator))
        if recipe.spectral_norm != "none":
            discriminator = spectral(discriminator)
        if recipe.spectral_norm == "both":
            generator = spectral(generator)
        processes.broadcast([generator, discriminator])
        self.classifier = recipe.classifier(dataset.shape)
        self.state = State(recipe, generator, discriminator, device)
        known = dataset.labels >= 0
        labelled = _only(dataset, known.nonzero().flatten()).to(device) if recipe.objective.apart else None
        self.deck = Deck(dataset.to(device), labelled, recipe, settings.seed, device, self.dtype, ranks.rank, ranks.world)
        amp = torch.bfloat16 if settings.precision == "bf16" else None
        self.phases = Phases(recipe, generator, discriminator, float(known.float().mean()), aids.features, amp)
        self.sums = Sums()

    def _dressed(self, network: nn.Module) -> nn.Module:
        network = initialised(network, self.recipe.init)
        if self.ranks.world > 1:
            network = synchronised(network)
        network = network.to(self.device, self.dtype)
        faster = self.device.type == "cuda" or self.recipe.kind != "translation"  # measured: a U-Net is slower so on a CPU
        return network.to(memory_format=torch.channels_last) if faster else network

    def resume(self, folder: Path | None) -> int:
        """Go on from the newest checkpoint, if there is one; gives how many images it has seen."""
        saved = checkpoint.latest(folder / "checkpoints") if folder else None
        found = torch.tensor(float(saved.seen if saved else 0), dtype=torch.float64, device=self.device)
        if processes.mean(found) != found:
            raise UserError("the processes of this run found different checkpoints; put data/.cache on a disk that all machines share")
        if saved is None:
            return 0
        if saved.seen - self._shown_per_step(saved.seen) >= self.settings.kimg * 1000:
            self._say(f"the run that is kept here is longer, {saved.seen / 1000:g} kimg: training anew")
            if self.ranks.rank == 0:
                shutil.rmtree(folder / "checkpoints")  # type: ignore[operator]  # there is a folder where something was saved
            return 0
        self.state.restore(saved)
        self._say(f"resumed at {self.state.kimg:g} kimg")
        return self.state.seen

    def _say(self, sentence: str) -> None:
        """Once, however many processes there are."""
        if self.ranks.rank == 0:
            print(sentence, flush=True)

    def compile(self) -> None:
        """Run compiled networks from here on, where that can be done."""
        if self.ranks.world > 1:
            self._say("train.fast: several processes run uncompiled")
        else:
            self.phases = fast.compiled(self.phases, self.deck.deal(self.state.seen, self._chance()), self._weights())

    def step(self) -> None:
        """So many steps of the discriminator and of the generator as the recipe says at this moment."""
        state, recipe = self.state, self.recipe
        begun = state.seen
        weights = self._weights()
        for optimizer in (state.g_optimizer, state.d_optimizer):
            optimizers.scheduled(optimizer, recipe.optimizer, state.kimg)
        steps, judged = self._steps(begun), state.kimg >= recipe.warmup_kimg
        torch.manual_seed(_seed(self.settings.seed, begun))  # for what networks draw themselves: dropout, noise
        for turn in range(steps.discriminator if judged else 1):
            shown = self.deck.deal(state.seen, self._chance())
            last = turn == (steps.discriminator if judged else 1) - 1
            with torch.set_grad_enabled(last):
                fake = self.phases.made(shown)
            if judged:
                self._discriminate(shown, fake, weights)
            state.seen += recipe.batch
        for turn in range(steps.generator):
            if turn:
                shown = self.deck.deal(begun + turn, self._chance())
                fake = self.phases.made(shown)
            self._generate(shown, fake, weights, judged)
        state.follow(self._decay(state.seen - begun))
        self._adapt()

    def _discriminate(self, shown: Shown, fake: torch.Tensor, weights: dict[str, float]) -> None:
        self.state.d_optimizer.zero_grad(set_to_none=True)
        said = self.phases.discriminate(shown, fake, weights)
        processes.average_gradients(self.state.discriminator.parameters())
        self.state.d_optimizer.step()
        self._note("d", said)

    def _generate(self, shown: Shown, fake: torch.Tensor, weights: dict[str, float], judged: bool) -> None:
        self.state.g_optimizer.zero_grad(set_to_none=True)
        said = self.phases.generate(shown, fake, weights, judged)
        processes.average_gradients(self.state.generator.parameters())
        self.state.g_optimizer.step()
        self._note("g", said)

    def _note(self, network: str, said: Said) -> None:
        parts = {f"{network}_{name}" if name in SHARED else name: value for name, value in said.parts.items()}
        if len(parts) == 1:
            parts = {}  # the loss itself
        self.sums.add({f"{network}_loss": said.loss, **parts, **said.beliefs})
        if said.overfit is not None and self.recipe.augment_p == "adaptive":
            self.state.overfit.add({"overfit": said.overfit})

    def _weights(self) -> dict[str, float]:
        return {name: schedule.at(self.state.kimg) for name, schedule in self.recipe.weights}

    def _steps(self, seen: int) -> Steps:
        return [steps for steps in self.recipe.steps if steps.kimg * 1000 <= seen][-1]

    def _shown_per_step(self, seen: int) -> int:
        judged = seen / 1000 >= self.recipe.warmup_kimg
        return self.recipe.batch * (self._steps(seen).discriminator if judged else 1)

    def _chance(self) -> float:
        if self.recipe.augment_p == "adaptive":
            return self.state.augment_p
        return self.recipe.augment_p.at(self.state.kimg)

    def _decay(self, shown: int) -> float:
        """Of the average in one step; early on it follows faster, or the first weights would stay in it."""
        half_life = self.recipe.ema_kimg.at(self.state.kimg) * 1000
        early = self.state.seen / (self.state.seen + 9 * shown)
        return min(0.5 ** (shown / half_life), early) if half_life > 0 else 0.0

    def _adapt(self) -> None:
        """Every so many steps, by the mean sign of what the discriminator said of real images in them."""
        if self.recipe.augment_p != "adaptive":
            return
        self.state.steps += 1
        if self.state.steps % ADAPT_EVERY == 0 and (overfit := self.state.overfit.taken().get("overfit")) is not None:
            images = ADAPT_EVERY * self.recipe.batch
            self.state.augment_p = Adaptive().update(self.state.augment_p, float(processes.mean(overfit)), images)

    def passed(self, before: int, every: float) -> bool:
        """Whether the last step went over a multiple of `every` kimg."""
        return int(self.state.seen / (every * 1000) + 1e-9) > int(before / (every * 1000) + 1e-9)

    def scalars(self) -> dict[str, float]:
        """Means since the last tick, and the settings that change."""
        means = {name: float(processes.mean(value)) for name, value in self.sums.taken().items()}
        means["learning_rate"] = self.recipe.optimizer.learning_rate.at(self.state.kimg)
        if self.recipe.augment and (self.recipe.augment_p == "adaptive" or self.recipe.augment_p.changes):
            means["augment_p"] = self._chance()
        return means

    def score(self, of: Score, folder: Path | None) -> None:
        """Score the averaged generator, and keep it if it is the best so far."""
        score = of(self.state.average, self.network)
        name = "kid" if self.recipe.kind == "noise" else "holdout_l1"
        self.sums.add({name: torch.tensor(score, dtype=torch.float64, device=self.device)})
        if folder and self.ranks.rank == 0:
            checkpoint.keep_best(folder / "checkpoints", Saved(self.state.seen, self.state.average.state_dict(), {}), score)

    def keep(self, folder: Path | None) -> None:
        if folder and self.ranks.rank == 0:
            checkpoint.save(folder / "checkpoints", self.state.saved(), self.settings.keep)

    def trained(self, folder: Path | None) -> Trained:
        """The best generator where generators were scored, else that of the end; and the classifier of the end."""
        average = self.state.average.cpu().float().eval()
        classifier = (self.state.discriminator.cpu().float().eval(), self.classifier) if self.classifier else None
        best = checkpoint.best(folder / "checkpoints") if folder and self.settings.best_kimg else None
        if best is None:
            return Trained(average, self.network, self.state.kimg, classifier=classifier)
        average.load_state_dict(best.tensors)
        return Trained(average, self.network, best.seen / 1000, float(best.numbers["score"]), classifier)


def _only(dataset: Dataset, places: torch.Tensor) -> Dataset:
    """Those images alone, in memory."""
    given = None if dataset.given is None else dataset.given[places]
    keys = [dataset.keys[place] for place in places]
    return replace(dataset, images=dataset.images[places], labels=dataset.labels[places], keys=keys, given=given)


def _seed(seed: int, seen: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} step {seen}".encode()).digest()[:8], "big") >> 1
