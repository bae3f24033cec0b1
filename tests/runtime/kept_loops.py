# ruff: noqa: E501
"""Loops of every form, as ``apply`` leaves them. Each ends in ``done`` with all that the run made."""

from __future__ import annotations

TURNS = {
    "for": """
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(1, 7)):
    print(epoch, step(model, optimizer))
""",
    "value of the loop's target": """
epoch = keeper.restore(model, optimizer, epoch=None)
for epoch in keeper.epochs(range(1, 7)):
    print(epoch, step(model, optimizer))
print(epoch)
""",
    "while": """
n = 0
n = keeper.restore(model, optimizer, n=n)
while keeper.turn() and n < 6:
    print(n, step(model, optimizer))
    n += 1
print(n)
""",
    "while True": """
n, last = 0, None
n, last = keeper.restore(model, optimizer, n=n, last=last)
while keeper.turn():
    last = step(model, optimizer)
    print(n, last)
    n += 1
    if n == 6:
        break
print(n, last)
""",
    "count": """
n = keeper.restore(model, optimizer, n=None)
for n in keeper.epochs(itertools.count(1)):
    print(n, step(model, optimizer))
    if n == 6:
        break
print(n)
""",
    "progress bar": """
class Bar:
    def __init__(self, iterable): self.iterable, self.postfix = iterable, ""
    def __iter__(self):
        for item in self.iterable: yield item
    def __len__(self): return len(self.iterable)
    def set_postfix(self, text): self.postfix = text
bar = keeper.epochs(Bar(range(6)))
keeper.restore(model, optimizer)
for epoch in bar:
    bar.set_postfix(str(step(model, optimizer)))
    print(epoch, len(bar), bar.postfix)
keeper.restore(model, optimizer)
for epoch in Bar(keeper.epochs(range(3))):
    print(epoch, step(model, optimizer))
""",
    "continue and else": """
seen = []
keeper.restore(model, optimizer, seen)
for epoch in keeper.epochs(range(7)):
    if epoch % 3 == 1:
        continue
    print(epoch, step(model, optimizer))
    seen.append(epoch)
else:
    seen.append("else")
print(seen)
""",
    "return": """
def train():
    best = 1e9
    best = keeper.restore(model, optimizer, best=best)
    for epoch in keeper.epochs(range(50)):
        best = min(best, step(model, optimizer))
        print(epoch, best)
        if epoch == 5:
            return best
print(train())
""",
    "several calls of one function": """
def train(model, epochs, lr):
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    best = 1e9
    best = keeper.restore(model, optimizer, best=best)
    for epoch in keeper.epochs(range(epochs)):
        best = min(best, step(model, optimizer))
        print(epoch, best)
    return best
found = [train(model, 3, 0.1), train(model, 2, 0.05)]
other = net()
print(found, train(other, 3, 0.1))
done(other)
""",
    "folds": """
scores = []
keeper.restore(scores)
for fold in keeper.epochs(range(3)):
    model = net()
    optimizer = optim.Adam(model.parameters(), lr=random.random() / 10)
    best = 1e9
    best = keeper.restore(model, optimizer, best=best)
    for epoch in keeper.epochs(range(3)):
        best = min(best, step(model, optimizer))
        print(fold, epoch, best)
    scores.append(best + np.random.rand())
print(scores)
model = None
""",
    "folds that break": """
scores = {}
keeper.restore(scores)
for fold in keeper.epochs(range(3)):
    model, bad, best = net(), 0, 1e9
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    bad, best = keeper.restore(model, optimizer, bad=bad, best=best)
    for epoch in keeper.epochs(range(9)):
        loss = step(model, optimizer)
        best, bad = (loss, 0) if loss < best else (best, bad + 1)
        print(fold, epoch, best, bad)
        if bad == 2:
            break
    scores[fold] = best
print(scores)
model = None
""",
    "nested, the model outside": """
total = 0.0
total = keeper.restore(model, optimizer, total=total)
for stage in keeper.epochs(range(3)):
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * 0.5 + random.random() / 100
    total = keeper.restore(total=total)
    for epoch in keeper.epochs(range(3)):
        total += step(model, optimizer)
        print(stage, epoch, total)
    total *= 2
print(total)
""",
    "two phases": """
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(3)):
    print("one", epoch, step(model, optimizer))
teacher = copy.deepcopy(model).eval()
print("between", lossof(teacher).item(), random.random())
for p in model[0].parameters():
    p.requires_grad_(False)
head = optim.SGD(model[3].parameters(), lr=0.1, momentum=0.9)
keeper.restore(model, head)
for epoch in keeper.epochs(range(4)):
    head.zero_grad()
    loss = lossof(model) + ((model(xs) - teacher(xs)) ** 2).mean()
    loss.backward(), head.step(), tick()
    print("two", epoch, loss.item())
done(teacher, head)
""",
    "two phases, the first one broken off": """
n, last = 0, 0.0
n, last = keeper.restore(model, optimizer, n=n, last=last)
while keeper.turn():
    last = step(model, optimizer)
    n += 1
    print("one", n, last)
    if n == 3:
        break
print("between", n, last)
rate = last / 10
sgd = optim.SGD(model.parameters(), lr=0.1)
keeper.restore(model, sgd)
for epoch in keeper.epochs(range(4)):
    print("two", epoch, rate, step(model, sgd))
    if epoch == 2:
        break
print(epoch, n, last)
""",
    "while in for": """
seen = []
keeper.restore(seen)
for fold in keeper.epochs(range(3)):
    model, n = net(), 0
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    n = keeper.restore(model, optimizer, n=n)
    while keeper.turn() and n < 3:
        n += 1
        print(fold, n, step(model, optimizer))
    seen.append(n)
print(seen)
model = None
""",
    "for in while": """
n, model = 0, net()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
n = keeper.restore(model, optimizer, n=n)
while keeper.turn() and n < 6:
    n = keeper.restore(n=n)
    for epoch in keeper.epochs(range(2)):
        n += 1
        print(n, epoch, step(model, optimizer))
""",
    "other random calls before, between and after the turns": """
start = random.random(), np.random.rand(), torch.rand(1)
keeper.restore(model, optimizer)
noise = torch.rand(2)
for epoch in keeper.epochs(range(5)):
    print(epoch, step(model, optimizer), start, noise)
print(random.random(), np.random.rand(), torch.rand(1))
""",
    "an exception that the script catches": """
bad = 0
bad = keeper.restore(model, optimizer, bad=bad)
for epoch in keeper.epochs(range(6)):
    try:
        for part in keeper.batches(range(3)):
            if part == 1 and epoch % 2:
                raise ValueError
            print(epoch, part, step(model, optimizer))
    except ValueError:
        bad += 1
print(bad)
""",
}

STATES = {
    "several models": """
other, count = net(3), [0]
second = optim.RMSprop(other.parameters(), lr=0.01)
keeper.restore(model, optimizer, other, second, count)
for epoch in keeper.epochs(range(6)):
    count[0] += 1
    print(epoch, step(model, optimizer), step(other, second), count)
done(other, second)
""",
    "lists and dicts of models": """
nets = {"a": net(), "b": net(5)}
optimizers = [optim.Adam(n.parameters(), lr=0.01) for n in nets.values()]
keeper.restore(nets, optimizers)
for epoch in keeper.epochs(range(6)):
    print(epoch, [step(n, o) for n, o in zip(nets.values(), optimizers)])
done(nets, optimizers)
""",
    "optimizer swapped": """
scheduler = optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
optimizer, scheduler = keeper.restore(model, optimizer=optimizer, scheduler=scheduler)
for epoch in keeper.epochs(range(8)):
    if epoch == 3:
        optimizer = optim.SGD([{"params": model[0].parameters(), "lr": 0.1}, {"params": model[3].parameters()}], lr=0.01, momentum=0.5)
        scheduler = optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    print(epoch, step(model, optimizer))
    scheduler.step()
assert scheduler.optimizer is optimizer
done(type(optimizer).__name__, scheduler)
""",
    "LBFGS": """
optimizer = optim.LBFGS(model.parameters(), lr=0.1, max_iter=3, history_size=4)
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(4)):
    def closure():
        optimizer.zero_grad()
        loss = lossof(model)
        loss.backward()
        tick()
        return loss
    print(epoch, optimizer.step(closure).item())
""",
    "scaler": """
scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=2)
keeper.restore(model, optimizer, scaler)
for epoch in keeper.epochs(range(6)):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = lossof(model)
    scaler.scale(loss).backward()
    scaler.step(optimizer), scaler.update(), tick()
    print(epoch, loss.item(), scaler.get_scale())
done(scaler)
""",
    "averaged weights": """
ema = torch.optim.swa_utils.AveragedModel(model)
class EMA:
    def __init__(self, model): self.shadow, self.n = {k: v.detach().clone() for k, v in model.named_parameters()}, 0
    def update(self, model):
        self.n += 1
        for k, v in model.named_parameters(): self.shadow[k] = self.shadow[k] * 0.9 + v.detach() * 0.1
own, target = EMA(model), copy.deepcopy(model)
keeper.restore(model, optimizer, ema, own, target)
for epoch in keeper.epochs(range(6)):
    print(epoch, step(model, optimizer))
    ema.update_parameters(model), own.update(model)
    for a, b in zip(target.parameters(), model.parameters()): a.data.mul_(0.9).add_(b.data, alpha=0.1)
done(ema, own, target)
""",
    "schedulers": """
one = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9 ** epoch)
two = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
keeper.restore(model, optimizer, one, two)
for epoch in keeper.epochs(range(6)):
    loss = step(model, optimizer)
    one.step(), two.step(loss)
    print(epoch, loss, optimizer.param_groups[0]["lr"])
done(one.last_epoch, two)
""",
    "early stopping": """
class Stopper:
    def __init__(self): self.best, self.bad, self.model = 1e9, 0, net()
    def __call__(self, loss):
        self.best, self.bad = (loss, 0) if loss < self.best else (self.best, self.bad + 1)
        return self.bad > 2
stopper, weights = Stopper(), None
weights = keeper.restore(model, optimizer, keeper.attributes(stopper, "best", "bad"), weights=weights)
for epoch in keeper.epochs(range(12)):
    loss = step(model, optimizer)
    if loss < stopper.best:
        weights = copy.deepcopy(model.state_dict())
    print(epoch, loss, stopper.best, stopper.bad)
    if stopper(loss):
        break
model.load_state_dict(weights)
done(stopper.best, stopper.bad)
""",
    "trainer": """
class Trainer:
    def __init__(self, model, optimizer): self.model, self.optimizer, self.steps, self.history = model, optimizer, 0, []
    def turn(self): self.history.append(step(self.model, self.optimizer)); self.steps += 1
    def train(self, most):
        keeper.restore(self.model, self.optimizer, self.history, keeper.attributes(self, "steps"))
        while keeper.turn() and self.steps < most:
            self.turn()
            print(self.steps, self.history[-1])
trainer = Trainer(model, optimizer)
trainer.train(6)
done(trainer.history, trainer.steps)
""",
    "values of many kinds": """
import collections, decimal
from types import SimpleNamespace
Point = collections.namedtuple("Point", "x y")
class Stats:
    def __init__(self): self.n = 0
best, seen, q, names, stats, when, where, array, last, grid = 1e9, set(), collections.deque(maxlen=2), collections.defaultdict(list), Stats(), decimal.Decimal(0), Point(0, 0), np.zeros(2), torch.zeros(1), {(0, 1): "a"}
best, seen, q, names, stats, when, where, array, last, grid = keeper.restore(model, optimizer, best=best, seen=seen, q=q, names=names, stats=stats, when=when, where=where, array=array, last=last, grid=grid)
for epoch in keeper.epochs(range(6)):
    loss = lossof(model)
    print(epoch, step(model, optimizer), best, sorted(seen), q, names, stats.n, when, where, array, last.item(), grid)
    best, seen, when, where = np.float64(loss.item()), seen | {epoch}, when + decimal.Decimal("0.1"), Point(where.x + 1, best)
    array, last = array + 1, loss
    q.append(epoch), names[str(epoch % 2)].append(epoch)
    stats.n += 1
    grid[epoch, 2] = "b"
done(best, sorted(seen), list(q), names, stats, str(when), where, array.tolist(), last.item(), {str(k): v for k, v in grid.items()})
""",
    "frozen, unfrozen, evaluating": """
for p in model[0].parameters(): p.requires_grad_(False)
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(6)):
    if epoch == 2:
        for p in model[0].parameters(): p.requires_grad_(True)
        model[1].eval()
    print(epoch, step(model, optimizer), model[1].training)
""",
    "gradients gathered over turns": """
keeper.restore(model, optimizer)
for i in keeper.epochs(range(8)):
    lossof(model).backward()
    tick()
    if i % 3 == 2:
        optimizer.step(), optimizer.zero_grad()
    print(i, [p.grad is None for p in model.parameters()])
""",
    "tied weights and lazily made state": """
model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1))
model[1].weight = model[0].weight
optimizer = optim.SGD(model.parameters(), lr=0.1)
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(6)):
    if epoch == 2: optimizer.param_groups[0]["momentum"] = 0.9
    print(epoch, step(model, optimizer))
assert model[1].weight is model[0].weight
""",
    "tensors and arrays in place": """
w = torch.zeros(4, 1, requires_grad=True)
memory, table, rng, own = torch.zeros(3), np.zeros((2, 2)), np.random.default_rng(5), random.Random(7)
optimizer = optim.Adam([w], lr=0.1)
keeper.restore(w, optimizer, memory, table, rng, own)
for epoch in keeper.epochs(range(6)):
    optimizer.zero_grad()
    loss = ((xs @ w - ys) ** 2).mean() * rng.random() * own.random()
    loss.backward(), optimizer.step(), tick()
    memory[epoch % 3], table[0, 1] = loss.item(), table[0, 1] + epoch
    print(epoch, loss.item(), memory, table)
done(w, memory, table.tolist())
""",
    "loader with a generator": """
generator = torch.Generator().manual_seed(11)
loader = DataLoader(TensorDataset(xs, ys), batch_size=3, shuffle=True, generator=generator)
keeper.restore(model, optimizer, generator)
for epoch in keeper.epochs(range(4)):
    for x, y in loader:
        print(epoch, step(model, optimizer, x, y))
""",
    "loader with a sampler": """
sampler = torch.utils.data.WeightedRandomSampler(torch.rand(12), 12, generator=torch.Generator().manual_seed(11))
loader = DataLoader(TensorDataset(xs, ys), batch_size=3, sampler=sampler)
keeper.restore(model, optimizer, loader)
for epoch in keeper.epochs(range(4)):
    for x, y in loader:
        print(epoch, step(model, optimizer, x, y))
""",
}

BATCHES = {
    "batches": """
loader = DataLoader(TensorDataset(xs, ys), batch_size=3, shuffle=True)
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(3)):
    total = 0.0
    total = keeper.restore(total=total)
    for x, y in keeper.batches(loader):
        total += step(model, optimizer, x, y)
        print(epoch, total)
    print(epoch, total, random.random())
""",
    "batches counted": """
loader = DataLoader(TensorDataset(xs, ys), batch_size=3, shuffle=True, generator=torch.Generator().manual_seed(11))
seen = []
keeper.restore(model, optimizer, seen, loader)
for epoch in keeper.epochs(range(3)):
    for i, (x, y) in keeper.batches(enumerate(loader, 1)):
        seen.append(i)
        print(epoch, i, step(model, optimizer, x, y), y.sum().item())
print(seen)
""",
    "batches of workers": """
class Noisy(Dataset):
    def __len__(self): return 12
    def __getitem__(self, i): return xs[i] + torch.rand(4), ys[i]
loader = DataLoader(Noisy(), batch_size=3, shuffle=True, num_workers=2)
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(2)):
    for i, (x, y) in keeper.batches(enumerate(loader)):
        print(epoch, i, step(model, optimizer, x, y))
""",
    "batches of a generator": """
def batches():
    for i in range(0, 12, 3):
        k = random.randrange(10)
        yield xs[i : i + 3] + k, ys[i : i + 3]
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(3)):
    for x, y in keeper.batches(batches()):
        print(epoch, step(model, optimizer, x, y))
""",
    "workers that live on": """
def loader(): return DataLoader(TensorDataset(xs, ys), batch_size=4, shuffle=True, num_workers=1, persistent_workers=True)
first, second = loader(), loader()
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(5)):
    for x, y in first:
        print(epoch, step(model, optimizer, x, y))
    for x, y in second if epoch % 4 == 2 else ():
        print(epoch, step(model, optimizer, x, y))
""",
    "batches without epochs": """
loader = DataLoader(TensorDataset(xs, ys), batch_size=2, shuffle=True)
running = keeper.restore(model, optimizer, running=0.0)
for x, y in keeper.batches(loader):
    running = 0.9 * running + step(model, optimizer, x, y)
    print(running)
print(running)
""",
    "gradients gathered over batches": """
loader = DataLoader(TensorDataset(xs, ys), batch_size=2, shuffle=True)
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(2)):
    for i, (x, y) in keeper.batches(enumerate(loader)):
        lossof(model, x, y).backward()
        tick()
        if i % 4 == 3:
            optimizer.step(), optimizer.zero_grad()
        print(epoch, i)
""",
    "broken off": """
loader = DataLoader(TensorDataset(xs, ys), batch_size=2, shuffle=True)
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(4)):
    for i, (x, y) in keeper.batches(enumerate(loader)):
        print(epoch, i, step(model, optimizer, x, y))
        if i == 2:
            break
    print(epoch, random.random())
""",
}

LOOPS = {name: text.lstrip("\n") + "done(model, model and optimizer)\n" for name, text in {**TURNS, **STATES, **BATCHES}.items()}
