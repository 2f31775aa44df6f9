"""Searches for behaviours as methods of the command."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rlsuite.experiments.methods.quality_diversity.configs import (
    CRITERIA,
    DESCRIPTORS,
    PREFERENCES,
    RANKS,
    MapElitesConfig,
    NoveltySearchConfig,
    SereneConfig,
    StaxConfig,
    TaxonsConfig,
    check_room,
)
from rlsuite.experiments.methods.quality_diversity.domains import domain_of
from rlsuite.experiments.methods.quality_diversity.evaluation import (
    SearchEvaluationConfig,
    test,
)
from rlsuite.experiments.methods.quality_diversity.pictures import pictures
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec, required
from rlsuite.method import Method
from rlsuite.methods.map_elites import map_elites
from rlsuite.methods.novelty_search import novelty_search
from rlsuite.methods.serene import serene
from rlsuite.methods.stax import stax
from rlsuite.methods.taxons import taxons
from rlsuite.quality_diversity.autoencoder import AutoencoderConfig, autoencoder
from rlsuite.quality_diversity.batches import BatchConfig
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.exploration import ExplorationConfig

MakeMethod = Callable[[Run, WorldSpec], Method]

PANELS = {
    "coverage": "share of cells in which an episode has ended",
    "kept_coverage": "share of cells in which what is kept ends",
    "areas": "areas that have paid",
    "best_reward": "highest reward",
    "rewarded": "solutions in the archive of rewarded ones",
    "lost": "solutions for which archives had no place",
    "emitters": "emitters",
    "waiting": "candidates that wait",
    "description_error": "error of the autoencoder on images held out",
}
TINY = ExplorationConfig(
    population_size=6,
    num_neighbours=3,
    deviation=0.5,
    evaluations_per_step=24,
    archive_capacity=64,
    rewarded_capacity=32,
    bins=10,
)
# Places for 200,000 and for 500,000 evaluations.
LONG = ExplorationConfig(archive_capacity=5120, rewarded_capacity=4096)
LARGE = ExplorationConfig(archive_capacity=12_800, rewarded_capacity=8192)
SEES_LITTLE = AutoencoderConfig(8, 1, (2,), 3, batch_size=16, max_epochs=2)
SEES_SOON = AutoencoderConfig(max_epochs=10)
SEES_ALL = AutoencoderConfig(64, 1, (32, 64, 32, 16), max_epochs=100)


def presets(
    smoke: Any, laptop: Any, desk: Any, paper: Any
) -> dict[str, Callable[[WorldSpec | None], Run]]:
    """The sizes of a search by the configurations of its method."""

    def run(method, steps, every, checkpoint_every, num_seeds=8):
        return Run(
            tasks="SparsePoint-v0",
            steps=steps,
            log_every=every,
            checkpoint_every=checkpoint_every,
            method=method,
            evaluation=SearchEvaluationConfig(num_seeds=num_seeds),
        )

    sizes = {
        "smoke": run(smoke, 4, 2, 2, num_seeds=2),
        "laptop": run(laptop, 50, 5, 25),
        "desk": run(desk, 200, 5, 50),
        "paper": run(paper, 500, 10, 100),
    }

    def preset(size):
        return lambda world: (
            sizes[size] if world is None else replace(sizes[size], tasks=world.name)
        )

    return {size: preset(size) for size in sizes}


def search_spec(
    make_method: MakeMethod, sizes: dict[str, Callable[[WorldSpec | None], Run]], **facts: Any
) -> MethodSpec:
    """The record of a search that is made so."""

    def build(run: Run, world: WorldSpec | None) -> Experiment:
        evaluations = run.method.exploration.evaluations_per_step
        return Experiment(
            method=make_method(run, required(world)),
            agent_updates_per_step=evaluations,
            world_steps_per_step=evaluations
            * int(required(world).world.default_params.max_steps_in_episode),
            headline=("evaluations", "coverage", "areas", "best_reward"),
            watched=("coverage", "best_reward"),
        )

    return MethodSpec(
        kind="search for behaviours",
        presets=sizes,
        build=build,
        test=test,
        pictures=pictures,
        learned=lambda state: state.kept,
        panels=PANELS,
        trains_apart=True,
        **facts,
    )


def _check_room(run: Run, world: WorldSpec | None) -> None:
    del world
    check_room(run.method.exploration, run.steps)


def _novelty_search(run: Run, world: WorldSpec) -> Method:
    config = run.method
    domain = domain_of(world, config.controller)
    return novelty_search(domain, DESCRIPTORS[config.descriptor](), run.method.exploration)


def _map_elites(run: Run, world: WorldSpec) -> Method:
    return map_elites(domain_of(world, run.method.controller), run.method.batches)


def _serene(run: Run, world: WorldSpec) -> Method:
    config, exploits = run.method, run.method.exploitation
    return serene(
        domain_of(world, config.controller),
        DESCRIPTORS[config.descriptor](),
        run.method.exploration,
        exploits.emitters,
        schedule=exploits.schedule_of(run.steps),
        rank=RANKS[exploits.rank],
        preference=PREFERENCES[exploits.preference],
    )


def _seen_domain(world: WorldSpec, config: TaxonsConfig) -> Domain:
    """Episodes with images as the autoencoder reads them."""
    images = config.autoencoder
    return domain_of(
        world,
        config.controller,
        num_moments=images.num_moments,
        image_size=images.image_size,
    )


def _taxons(run: Run, world: WorldSpec) -> Method:
    config = run.method
    return taxons(
        _seen_domain(world, config),
        autoencoder(config.autoencoder),
        run.method.exploration,
        criterion=CRITERIA[config.criterion],
    )


def _stax(run: Run, world: WorldSpec) -> Method:
    config, exploits = run.method, run.method.exploitation
    return stax(
        _seen_domain(world, config),
        autoencoder(config.autoencoder),
        run.method.exploration,
        exploits.emitters,
        criterion=CRITERIA[config.criterion],
        schedule=exploits.schedule_of(run.steps),
        rank=RANKS[exploits.rank],
        preference=PREFERENCES[exploits.preference],
    )


NOVELTY_SEARCH = search_spec(
    _novelty_search,
    presets(
        NoveltySearchConfig(exploration=TINY),
        NoveltySearchConfig(),
        NoveltySearchConfig(exploration=LONG),
        NoveltySearchConfig(exploration=LARGE),
    ),
    name="novelty-search",
    title="novelty search",
    summary="novelty search: who behaves in a new way survives, whatever it is paid",
    paper=None,
    check=_check_room,
)
MAP_ELITES = search_spec(
    _map_elites,
    presets(
        MapElitesConfig(batches=BatchConfig(6, 12, 24, 0.5, 10)),
        MapElitesConfig(),
        MapElitesConfig(),
        MapElitesConfig(),
    ),
    name="map-elites",
    title="MAP-Elites",
    summary="MAP-Elites: children of the best solution of each cell",
    paper="1504.04909",
)
SERENE = search_spec(
    _serene,
    presets(
        SereneConfig(exploration=TINY),
        SereneConfig(),
        SereneConfig(exploration=LONG),
        SereneConfig(exploration=LARGE),
    ),
    name="serene",
    summary="novelty search, and emitters that climb where something was paid",
    paper="2102.03140",
    check=_check_room,
)
TAXONS = search_spec(
    _taxons,
    presets(
        TaxonsConfig(autoencoder=SEES_LITTLE, exploration=TINY),
        TaxonsConfig(autoencoder=SEES_SOON),
        TaxonsConfig(exploration=LONG),
        TaxonsConfig(autoencoder=SEES_ALL, exploration=LARGE),
    ),
    name="taxons",
    summary="novelty search in the codes of an autoencoder that learns from what is found",
    paper="1909.05508",
    check=_check_room,
)
STAX = search_spec(
    _stax,
    presets(
        StaxConfig(autoencoder=SEES_LITTLE, exploration=TINY),
        StaxConfig(autoencoder=SEES_SOON),
        StaxConfig(exploration=LONG),
        StaxConfig(autoencoder=SEES_ALL, exploration=LARGE),
    ),
    name="stax",
    summary="SERENE with TAXONS' learned behaviour",
    paper="2111.01919",
    check=_check_room,
)
