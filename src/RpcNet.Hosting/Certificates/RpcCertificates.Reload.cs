using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting.Certificates;

internal sealed partial class RpcCertificates
{
    /// <summary>Uses other sources from now on, if all of them can be read; otherwise the old ones stay in force.</summary>
    /// <returns>What cannot be used; empty when the new sources are in force.</returns>
    public async Task<IReadOnlyList<string>> ReplaceAsync(
        RpcNetOptions options, IReadOnlyDictionary<string, RpcClientOptions> clients, CancellationToken cancellationToken)
    {
        var sources = CertificateSources.From(options, clients);
        await _reading.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            sources = sources with { Process = await WithDevelopmentAsync(sources.Process, cancellationToken).ConfigureAwait(false) };
            var problems = Missing(sources);
            var stamps = await _reader!.StampAsync(sources, cancellationToken).ConfigureAwait(false);
            var set = await _reader.ReadAsync(sources, problems, cancellationToken).ConfigureAwait(false);
            RefuseDevelopmentCertificates(set, problems);
            if (problems.Count == 0)
            {
                (_sources, _stamps) = (sources, stamps);
                Use(set!);
            }

            return problems;
        }
        catch (RpcNetStartupException e)
        {
            return e.Problems;
        }
        finally
        {
            _reading.Release();
        }
    }

    private async Task WatchAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(_configured.ReloadInterval, _time);
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                await _reading.WaitAsync(_stop.Token).ConfigureAwait(false);
                try
                {
                    await ReloadAsync(_stop.Token).ConfigureAwait(false);
                }
                finally
                {
                    _reading.Release();
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The host is being disposed.
        }
    }

    private async Task ReloadAsync(CancellationToken cancellationToken)
    {
        var stamps = await _reader!.StampAsync(_sources, cancellationToken).ConfigureAwait(false);
        if (stamps.Count == _stamps.Count && stamps.All(s => _stamps.TryGetValue(s.Key, out var old) && old.Equals(s.Value)))
        {
            return;
        }

        // Stamped before reading: what changes while it is read is read again.
        _stamps = stamps;
        var problems = new List<string>();
        if (await _reader.ReadAsync(_sources, problems, cancellationToken).ConfigureAwait(false) is { } set)
        {
            Use(set);
            return;
        }

        foreach (var problem in problems)
        {
            HostingLog.CertificatesNotReloaded(_logger, problem);
        }
    }

    private void Use(CertificateSet set)
    {
        _set = set;
        var own = set.Server.Default?.Certificate;
        HostingLog.CertificatesReloaded(_logger, own?.Subject, own?.NotAfter.ToUniversalTime());
        WarnOfExpiry();
    }
}
