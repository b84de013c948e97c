using Microsoft.Extensions.Time.Testing;

namespace RpcNet.Cluster.Tests.Registry;

/// <summary>A registry over a membership and a clock that the test sets.</summary>
public abstract class RegistryFixture : IAsyncDisposable
{
    private WorkerRegistry? _registry;

    protected FakeTimeProvider Time { get; } = new();

    private protected FakeMembership Membership { get; set; } = new();

    public async ValueTask DisposeAsync()
    {
        if (_registry is not null)
        {
            await _registry.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    protected async Task<WorkerRegistry> StartAsync(Action<WorkerRegistryOptions>? configure = null)
    {
        var options = new WorkerRegistryOptions();
        configure?.Invoke(options);
        _registry = new WorkerRegistry(Membership, options, timeProvider: Time, seed: 7);
        await _registry.StartAsync(TestContext.Current.CancellationToken);
        return _registry;
    }
}
