using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using RpcNet.Cluster;

namespace RpcNet.Hosting.Configuration;

/// <summary>
/// Follows the configuration while the host runs: changed tags are published, other changes are named in the log since they take
/// effect with a restart.
/// </summary>
internal sealed class ReloadService(IConfiguration? section, Lazy<IClusterMembership>? membership, ILoggerFactory loggers) : IHostedService, IAsyncDisposable
{
    private const string Tags = $"{nameof(RpcNetOptions.Cluster)}:{nameof(ClusterOptions.Tags)}:";

    private readonly ILogger _logger = loggers.CreateLogger(HostingLog.Category);
    private readonly SemaphoreSlim _changed = new(0);
    private readonly CancellationTokenSource _stop = new();
    private IDisposable? _subscription;
    private Dictionary<string, string?> _seen = [];
    private Task _following = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (section is not null)
        {
            _seen = Read(section);
            _subscription = ChangeToken.OnChange(section.GetReloadToken, () => _changed.Release());
            _following = FollowAsync(section);
        }

        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _subscription?.Dispose();
        await _stop.CancelAsync().ConfigureAwait(false);
        await _following.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None).ConfigureAwait(false);
        _changed.Dispose();
        _stop.Dispose();
    }

    private static Dictionary<string, string?> Read(IConfiguration section) => section.AsEnumerable(makePathsRelative: true)
        .Where(static s => s.Value is not null)
        .ToDictionary(StringComparer.OrdinalIgnoreCase);

    private async Task FollowAsync(IConfiguration source)
    {
        try
        {
            while (true)
            {
                await _changed.WaitAsync(_stop.Token).ConfigureAwait(false);
                var now = Read(source);
                var before = _seen;
                _seen = now;
                var keys = now.Keys.Union(before.Keys, StringComparer.OrdinalIgnoreCase)
                    .Where(key => now.GetValueOrDefault(key) != before.GetValueOrDefault(key))
                    .ToLookup(static key => key.StartsWith(Tags, StringComparison.OrdinalIgnoreCase));
                foreach (var key in keys[true])
                {
                    await PublishAsync(key[Tags.Length..], now.GetValueOrDefault(key)).ConfigureAwait(false);
                }

                if (keys[false].Any())
                {
                    HostingLog.RestartNeeded(_logger, string.Join(", ", keys[false].Order(StringComparer.Ordinal)));
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task PublishAsync(string tag, string? value)
    {
        if (membership is null)
        {
            return;
        }

        try
        {
            await membership.Value.SetTagAsync(tag, value, _stop.Token).ConfigureAwait(false);
            HostingLog.TagReloaded(_logger, tag, value);
        }
        catch (ArgumentException e)
        {
            HostingLog.ReloadRefused(_logger, $"RpcNet:{Tags}{tag} = '{value}': {e.Message}");
        }
        catch (ObjectDisposedException)
        {
            // The node has left: nobody is to be told any more.
        }
    }
}
