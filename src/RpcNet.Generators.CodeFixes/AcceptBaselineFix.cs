using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.Text;
using RpcNet.Generators.Baseline;
using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.CodeFixes;

/// <summary>RPCNET020, 021, 022: writes the contracts as they are into the project's rpc.contract.json.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class AcceptBaselineFix : CodeFixProvider
{
    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds => ["RPCNET020", "RPCNET021", "RPCNET022"];

    /// <summary>None: one application accepts everything.</summary>
    public override FixAllProvider? GetFixAllProvider() => null;

    /// <inheritdoc/>
    public override Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        var project = context.Document.Project;
        var file = project.AdditionalDocuments.FirstOrDefault(d =>
            Path.GetFileName(d.FilePath ?? d.Name).Equals(ContractBaseline.FileName, StringComparison.OrdinalIgnoreCase));
        if (file is not null)
        {
            context.RegisterCodeFix(
                CodeAction.Create(
                    "Accept the contract into " + ContractBaseline.FileName,
                    token => AcceptAsync(project, file.Id, token),
                    nameof(AcceptBaselineFix)),
                context.Diagnostics);
        }

        return Task.CompletedTask;
    }

    private static async Task<Solution> AcceptAsync(Project project, DocumentId file, CancellationToken cancellationToken)
    {
        var compilation = await project.GetCompilationAsync(cancellationToken).ConfigureAwait(false);
        var baseline = ContractBaseline.Of(ContractParser.ParseAll(compilation!, cancellationToken));
        return project.Solution.WithAdditionalDocumentText(file, SourceText.From(BaselineJson.Write(baseline)));
    }
}
