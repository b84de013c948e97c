using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Editing;

namespace RpcNet.Generators.CodeFixes;

/// <summary>RPCNET012: removes the attribute that has no effect.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class MisplacedRpcMethodFix : CodeFixProvider
{
    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds => ["RPCNET012"];

    /// <inheritdoc/>
    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    /// <inheritdoc/>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        var root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        if (root?.FindNode(context.Span).FirstAncestorOrSelf<AttributeSyntax>() is { } attribute)
        {
            context.RegisterCodeFix(
                CodeAction.Create(
                    "Remove [RpcMethod]",
                    async token =>
                    {
                        var editor = await DocumentEditor.CreateAsync(context.Document, token).ConfigureAwait(false);
                        editor.RemoveNode(attribute);
                        return editor.GetChangedDocument();
                    },
                    nameof(MisplacedRpcMethodFix)),
                context.Diagnostics);
        }
    }
}
