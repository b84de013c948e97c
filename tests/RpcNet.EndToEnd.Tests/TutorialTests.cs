using System.Diagnostics;
using System.Globalization;

namespace RpcNet.EndToEnd.Tests;

/// <summary>The tutorial with real processes over real QUIC.</summary>
public sealed class TutorialTests
{
    [Fact]
    public async Task Script_Played_SeesEveryEventAndLosesNoTask()
    {
        Engine.Require();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The script needs bash and Linux signals.");
        var start = new ProcessStartInfo("bash", [Path.Combine(Repository.Root, "run-tutorial.sh"), "--no-build"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["CONFIGURATION"] = Repository.Configuration;
        foreach (var name in new[] { "DIRECTOR_PORT", "WORKER_A_PORT", "WORKER_B_PORT" })
        {
            start.Environment[name] = Repository.FreePort().ToString(CultureInfo.InvariantCulture);
        }

        using var script = Process.Start(start)!;
        var output = script.StandardOutput.ReadToEndAsync();
        var errors = script.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        try
        {
            await script.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            script.Kill(entireProcessTree: true);
        }

        var printed = await output + await errors;
        Assert.True(script.ExitCode == 0, printed);
        Assert.Contains("tasks lost / done twice      0 / 0", printed);
    }

    [Fact]
    public async Task Worker_StartedBeforeDirector_JoinsWhenItAppears()
    {
        Engine.Require();
        using var folder = new TempFolder();
        var director = $"127.0.0.1:{Repository.FreePort()}";
        await using var worker = SampleProcess.Start(
            "worker", folder.Path, ("DIRECTOR_ADDR", director), ("WORKER_ADDR", $"127.0.0.1:{Repository.FreePort()}"), ("WORKER_LABEL", "early"));
        await worker.ExpectAsync("RpcNet:Cluster:Seeds");
        Assert.False(worker.HasExited, worker.Output);

        await using var late = SampleProcess.Start("director", folder.Path, ("DIRECTOR_ADDR", director));
        await late.ExpectAsync("Node early joined");
        await worker.ExpectAsync("Worker 'early' is running and ready to handle requests");
    }

    [Fact]
    public async Task Worker_Interrupted_LeavesGracefully()
    {
        Engine.Require();
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "Ctrl+C is sent as SIGINT.");
        using var folder = new TempFolder();
        var address = $"127.0.0.1:{Repository.FreePort()}";
        await using var director = SampleProcess.Start("director", folder.Path, ("DIRECTOR_ADDR", address));
        await using var worker = SampleProcess.Start(
            "worker", folder.Path, ("DIRECTOR_ADDR", address), ("WORKER_ADDR", $"127.0.0.1:{Repository.FreePort()}"), ("WORKER_LABEL", "leaver"));
        await director.ExpectAsync("Node leaver joined");
        await worker.ExpectAsync("Worker 'leaver' is running and ready to handle requests");

        await worker.InterruptAsync();

        await director.ExpectAsync("Node leaver left");
        Assert.Equal(0, await worker.ExitAsync());
        Assert.DoesNotContain("Node leaver failed", director.Output);
    }

    [Fact]
    public async Task Director_WhileACallRuns_PrintsOneConnectionAndZeroAfterwards()
    {
        Engine.Require();
        using var folder = new TempFolder();
        var address = $"127.0.0.1:{Repository.FreePort()}";
        await using var director = SampleProcess.Start("director", folder.Path, ("DIRECTOR_ADDR", address));
        await using var worker = SampleProcess.Start(
            "worker",
            folder.Path,
            ("DIRECTOR_ADDR", address),
            ("WORKER_ADDR", $"127.0.0.1:{Repository.FreePort()}"),
            ("WORKER_LABEL", "busy"),
            ("WORK_TIME_MS", "15000"));
        await director.ExpectAsync("busy at 127.0.0.1:");
        Assert.Contains("(0 connections)", director.Output);
        await using (var client = SampleProcess.Start("client", folder.Path, ("DIRECTOR_ADDR", address)))
        {
            await worker.ExpectAsync("[busy] Processing task: task-1");

            // The pool is printed every ten seconds, and the call runs for fifteen.
            await director.ExpectAsync("(1 connections)");
        }

        // The client was killed in the middle of its call.
        var printed = director.LineCount;
        await director.ExpectAsync("(0 connections)", 40, printed);
    }
}
